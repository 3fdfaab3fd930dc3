"use strict";
/* Says in words when the chosen crontab runs, under its field. */
(() => {
  const words = document.getElementById("readable-crontabs"), field = document.getElementById("id_crontab");
  const row = document.querySelector(".field-crontab_translation");
  if (row) row.style.display = "none"; // the package's own place for it, empty without its script
  if (!words || !field) return;
  const known = JSON.parse(words.textContent), said = document.createElement("p");
  said.id = "crontab-in-words";
  said.setAttribute("role", "status");
  said.style.marginTop = ".4rem";
  (field.closest(".field-crontab") || field.parentElement).append(said);
  const say = () => { said.textContent = known[field.value] ? `Runs: ${known[field.value]}` : ""; };
  field.addEventListener("change", say);
  // Select2 tells of a choice through jQuery only.
  if (window.django && django.jQuery) django.jQuery(field).on("change", say);
  say();
})();
