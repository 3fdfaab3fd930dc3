"use strict";
/* A button with data-copy puts the text of the element with that id on the clipboard; where that is refused, it selects the text. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const shown = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(shown.textContent);
    button.textContent = "Copied";
  } catch {
    const range = document.createRange(), chosen = getSelection();
    range.selectNodeContents(shown);
    chosen.removeAllRanges();
    chosen.addRange(range);
    button.textContent = "Selected: press Ctrl-C";
  }
});
