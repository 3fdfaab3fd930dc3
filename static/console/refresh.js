"use strict";
/* Fetches the panels again every half minute while the page is looked at; keeps open what was opened. */
(() => {
  const grid = document.getElementById("grid");
  const fresh = document.getElementById("fresh");
  const pause = document.getElementById("fresh-pause");
  if (!grid || !grid.dataset.refresh) return;
  let paused = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused) load();
  });
  async function load() {
    if (paused || document.hidden || grid.contains(document.activeElement)) return;
    let answer;
    try {
      answer = await fetch(grid.dataset.refresh, { credentials: "same-origin" });
    } catch {
      fresh.textContent = "The server cannot be reached: these figures are old.";
      return;
    }
    if (!answer.ok || answer.redirected) {
      fresh.textContent = "The figures cannot be refreshed: reload the page.";
      return;
    }
    const open = new Set(Array.from(grid.querySelectorAll("[data-panel] details[open]"), (one) => one.closest("[data-panel]").dataset.panel));
    grid.innerHTML = await answer.text();
    open.forEach((name) => {
      const details = grid.querySelector(`[data-panel="${CSS.escape(name)}"] details`);
      if (details) details.open = true;
    });
    fresh.textContent = `As of ${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC`;
  }
  setInterval(load, 30000);
  document.addEventListener("visibilitychange", load);
  document.addEventListener("payos:refresh", load);
})();
