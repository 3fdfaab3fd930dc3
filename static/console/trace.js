"use strict";
/* The field is ready to paste into; / goes back to it. (The autofocus attribute comes too early: the frame is hidden then.) */
(() => {
  const field = document.querySelector("[data-ready]");
  if (!field) return;
  const ready = () => !field.value && field.focus();
  document.addEventListener("alpine:initialized", () => requestAnimationFrame(ready));
  window.addEventListener("load", ready);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  });
})();
