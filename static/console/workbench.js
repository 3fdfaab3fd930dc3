"use strict";
/* The bench: sums in whole minor units (never floats), Validate grey until they balance, everything by key and by mouse. */
(() => {
  const root = document.getElementById("bench");
  if (!root) return;
  const exponent = Number(root.dataset.exponent);
  const says = document.getElementById("bench-says");
  const boxes = () => Array.from(root.querySelectorAll("input[type=checkbox][data-minor]"));
  const picked = (side) => boxes().filter((box) => box.name === side && box.checked);
  const sum = (side) => picked(side).reduce((total, box) => total + BigInt(box.dataset.minor), 0n);
  const button = (id) => document.getElementById(id);
  let busy = false;

  function shown(minor) {
    const text = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, "0");
    const whole = text.slice(0, text.length - exponent).replace(/\B(?=(\d{3})+$)/g, ",");
    const zero = exponent ? "0." + "0".repeat(exponent) : "0";
    // As the server writes it: $0.00, KES0.00 or 0.000000 USDC.
    return (minor < 0n ? "-" : "") + root.dataset.zero.replace(zero, whole + (exponent ? "." + text.slice(-exponent) : ""));
  }
  function count() {
    const lines = sum("line"), items = sum("item"), rest = lines - items;
    document.getElementById("sum-line").textContent = shown(lines);
    document.getElementById("sum-item").textContent = shown(items);
    const output = document.getElementById("sum-rest");
    output.textContent = shown(rest);
    output.classList.toggle("pc-late", rest !== 0n);
    root.querySelectorAll(".rest").forEach((one) => (one.textContent = shown(rest)));
    const both = picked("line").length > 0 && picked("item").length > 0;
    if (!button("do-match")) return;
    button("do-match").disabled = !(both && rest === 0n);
    button("do-write_off").disabled = !(both && rest !== 0n);
    const single = picked("line").length === 1;
    const size = (minor) => (minor < 0n ? -minor : minor);
    button("do-part").disabled = !(both && single && rest !== 0n && rest < 0n === lines < 0n && size(rest) < size(lines));
    button("do-book").disabled = button("do-set_aside").disabled = !single;
    boxes().forEach((box) => box.closest("tr").classList.toggle("pc-current", box.checked));
  }
  function data(form) {
    const all = form ? new FormData(form) : new FormData();
    picked("line").forEach((box) => all.append("line", box.value));
    picked("item").forEach((box) => all.append("item", box.value));
    all.set("csrfmiddlewaretoken", root.querySelector("input[name=csrfmiddlewaretoken]").value);
    return all;
  }
  async function post(address, body) {
    const answer = await fetch(address, { method: "POST", body, credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!(answer.headers.get("Content-Type") || "").includes("json")) return { ok: false, message: "The page is out of date or you are signed out. Reload it." };
    return answer.json();
  }
  async function act(name, form) {
    if (busy) return;
    busy = true;
    const result = await post(root.dataset.act.replace("ACT", name), data(form)).catch(() => ({ ok: false, message: "The server cannot be reached: nothing was done." }));
    busy = false;
    says.textContent = result.message;
    says.classList.toggle("pc-saysbad", !result.ok);
    if (result.ok) {
      sessionStorage.setItem("payos:said", result.message);
      location.assign(result.next);
    } else if (form) {
      const note = form.querySelector(".pc-error") || form.appendChild(Object.assign(document.createElement("p"), { className: "pc-error", role: "alert" }));
      note.textContent = result.message;
    }
  }
  async function preview() {
    const form = root.querySelector("form[data-act=book]");
    const place = document.getElementById("book-preview");
    const result = await post(root.dataset.preview, data(form));
    if (result.ok) place.innerHTML = result.html;
    else place.textContent = result.message;
  }
  function openDialog(id) {
    const dialog = document.getElementById(id);
    dialog.showModal();
    const field = dialog.querySelector("select, textarea, input");
    if (field) field.focus();
    if (id === "dialog-book") preview();
  }
  root.addEventListener("change", (event) => {
    if (event.target.matches("[data-minor]")) count();
    if (event.target.matches("form[data-act=book] select")) preview();
  });
  root.addEventListener("submit", (event) => {
    if (!event.target.dataset.act) return;
    event.preventDefault();
    act(event.target.dataset.act, event.target);
  });
  root.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) return openDialog(opener.dataset.dialog);
    if (event.target.closest("[data-close]")) return event.target.closest("dialog").close();
    if (event.target.closest("#do-match")) return act("match");
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const all = boxes(), place = all.indexOf(document.activeElement);
    const press = (id) => !button(id).disabled && button(id).click();
    const keys = {
      j: () => all.length && all[Math.min(place + 1, all.length - 1)].focus(),
      k: () => all.length && all[Math.max(place - 1, 0)].focus(),
      x: () => place >= 0 && all[place].click(),
      Enter: () => press("do-match"),
      w: () => press("do-write_off"),
      p: () => press("do-part"),
      b: () => press("do-book"),
      i: () => press("do-set_aside"),
      q: () => location.assign(root.dataset.back),
      "/": () => document.getElementById("bench-search").focus(),
      "?": () => openDialog("dialog-help"),
    };
    if (!keys[event.key] || (event.key === "Enter" && event.target.closest("a, button, summary"))) return;
    if (!button("do-match") && ["Enter", "w", "p", "b", "i"].includes(event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  count();
  if (root.dataset.do === "write_off" && button("do-write_off") && !button("do-write_off").disabled) openDialog("dialog-write_off");
})();
