"use strict";
/* The queue by keyboard and mouse. Every key presses a button that is on the page (data-key), so what the keys can
   do the mouse can do too. Acts are posted with the token of their form; the answer is told in the status line. */
(() => {
  const root = document.getElementById("queue");
  if (!root) return;
  const pane = document.getElementById("pane");
  const says = document.getElementById("queue-says");
  const body = document.getElementById("queue-rows");
  const rows = () => Array.from(body ? body.querySelectorAll("tr[data-case]") : []);
  let lastCase = null; // what u takes back after the next case has opened
  let loading = 0;
  let busy = false; // an act runs: keys wait for what they would hit

  const say = (text, bad) => {
    says.textContent = text;
    says.classList.toggle("pc-saysbad", Boolean(bad));
  };
  const current = () => rows().find((row) => row.getAttribute("aria-selected") === "true");
  const together = () => document.getElementById("bulk-undo");
  const token = () => (document.querySelector("input[name=csrfmiddlewaretoken]") || {}).value || "";

  function select(row) {
    rows().forEach((other) => {
      other.removeAttribute("aria-selected");
      other.classList.remove("pc-current");
    });
    if (!row) return;
    row.setAttribute("aria-selected", "true");
    row.classList.add("pc-current");
    row.scrollIntoView({ block: "nearest" });
  }

  async function open(row, focus) {
    select(row);
    if (!row) {
      pane.innerHTML = '<p class="pc-empty">Nothing here needs a person.</p>';
      return;
    }
    await show(row.dataset.pane, focus);
    const address = new URL(location.href);
    address.searchParams.set("case", row.dataset.public);
    history.replaceState(null, "", address);
  }

  async function show(address, focus) {
    const turn = ++loading;
    const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
    const html = await answer.text();
    if (turn !== loading) return; // a later key opened another case meanwhile
    if (!answer.ok) return say("The case cannot be shown. Reload the page.", true);
    pane.innerHTML = html;
    if (focus) pane.focus();
    told();
  }

  /* The timeline says who looked: told by a POST, because a GET changes nothing. */
  function told() {
    const article = pane.querySelector("article[data-viewed]");
    if (!article) return;
    const address = article.dataset.viewed;
    setTimeout(() => {
      if (!document.body.contains(article)) return;
      post(address, new FormData()).catch(() => {});
    }, 1500);
  }

  async function post(address, data) {
    data.set("csrfmiddlewaretoken", token());
    const answer = await fetch(address, {
      method: "POST", body: data, credentials: "same-origin", headers: { Accept: "application/json" },
    });
    if (!(answer.headers.get("Content-Type") || "").includes("json")) {
      return { ok: false, message: "The page is out of date or you are signed out. Reload it." };
    }
    const result = await answer.json();
    result.status = answer.status;
    return result;
  }

  async function act(form) {
    const article = form.closest("article[data-case]") || pane.querySelector("article[data-case]");
    const key = article && article.dataset.case;
    let address = form.action;
    const isUndo = /\/act\/undo\/$/.test(address);
    if (isUndo && lastCase) address = address.replace(/[0-9a-f-]{36}(?=\/act\/undo)/, lastCase);
    const buttons = form.querySelectorAll("button");
    busy = true;
    buttons.forEach((button) => (button.disabled = true));
    const result = await post(address, new FormData(form)).catch(() => ({ ok: false, message: "The server cannot be reached: nothing was done." }));
    buttons.forEach((button) => (button.disabled = false));
    const dialog = form.closest("dialog");
    if (together()) together().remove(); // u means this case from now on
    if (!result.ok) {
      if (result.status === 409 && article && !isUndo) {
        // Somebody was faster: the page shows how the case stands now, and the line above says why.
        if (dialog) dialog.close();
        await show(paneAddress(address), true).finally(() => (busy = false));
        return say(result.message, true);
      }
      busy = false;
      say(result.message, true);
      const note = dialog && (dialog.querySelector(".pc-error") || form.insertAdjacentElement("beforeend", Object.assign(document.createElement("p"), { className: "pc-error", role: "alert" })));
      if (note) note.textContent = result.message;
      return;
    }
    if (dialog) dialog.close();
    try {
      await moveOn(address, isUndo ? lastCase || key : key, isUndo);
    } finally {
      busy = false;
    }
    say(result.message, false);
  }

  async function moveOn(address, key, isUndo) {
    const row = rows().find((one) => one.dataset.case === key);
    const stays = /\/act\/(claim|release|comment|viewed|assign)\/$/.test(address);
    if (isUndo) {
      lastCase = null;
      if (row) return open(row, true);
      return show(paneAddress(address), true).then(() => select(null));
    }
    lastCase = key;
    if (stays || root.hasAttribute("data-alone") || !row) {
      lastCase = null;
      return show(paneAddress(address), true);
    }
    // Done with this one: it leaves the list and the next opens in place.
    const all = rows();
    const next = all[all.indexOf(row) + 1] || all[all.indexOf(row) - 1];
    row.remove();
    return open(next, true);
  }

  const paneAddress = (address) => address.replace(/\/act\/[a-z_-]+\/$/, "/pane/");

  function openDialog(id) {
    const dialog = document.getElementById(id);
    if (!dialog) return;
    dialog.showModal();
    const field = dialog.querySelector("[autofocus], select, textarea, input:not([type=hidden])");
    if (field) field.focus();
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) return openDialog(opener.dataset.dialog);
    const closer = event.target.closest("[data-close]");
    if (closer) return closer.closest("dialog").close();
    const bulk = event.target.closest("[data-bulk]");
    if (bulk) return openBulk(bulk.dataset.bulk);
    const row = event.target.closest("tr[data-case]");
    if (row && !event.target.closest("input") && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      open(row, false);
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form.pc-act")) {
      event.preventDefault();
      act(event.target);
    }
  });

  /* Bulk: what it would touch is asked each time the choice changes, and the act needs a reason. */
  const bar = document.getElementById("bulk-bar");
  const bulkForm = document.getElementById("bulk-form");
  const chosen = () => rows().filter((row) => row.querySelector("input[name=case]:checked"));
  function count() {
    if (!bar) return;
    const n = chosen().length;
    bar.hidden = n === 0;
    document.getElementById("bulk-count").textContent = `${n} chosen`;
  }
  function bulkData() {
    const data = new FormData(bulkForm);
    chosen().forEach((row) => data.append("case", row.dataset.case));
    return data;
  }
  async function preview() {
    const line = document.getElementById("bulk-preview");
    line.textContent = "Counting…";
    const result = await post(bulkForm.dataset.preview, bulkData());
    line.textContent = result.message;
    document.getElementById("bulk-go").disabled = !result.ok || !result.count;
  }
  function openBulk(name) {
    bulkForm.elements.act.value = name;
    bulkForm.querySelectorAll("[data-for]").forEach((label) => (label.hidden = label.dataset.for !== name));
    document.getElementById("bulk-title").textContent = `${name[0].toUpperCase()}${name.slice(1)} many cases`;
    openDialog("dialog-bulk");
    preview();
  }
  if (bulkForm) {
    bulkForm.addEventListener("change", (event) => event.target.name === "everything" && preview());
    bulkForm.addEventListener("submit", () => {
      chosen().forEach((row) => bulkForm.append(Object.assign(document.createElement("input"), { type: "hidden", name: "case", value: row.dataset.case })));
    });
    document.addEventListener("change", (event) => {
      if (event.target.id === "choose-all") {
        rows().forEach((row) => (row.querySelector("input[name=case]").checked = event.target.checked));
      }
      if (event.target.matches("#choose-all, input[name=case]")) count();
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("input, textarea, select, [contenteditable]");
    if (document.querySelector("dialog[open]")) return;
    if (busy && !field) return event.preventDefault();
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    const list = rows();
    const place = list.indexOf(current());
    if (event.key === "j" || event.key === "k") {
      const next = list[Math.min(Math.max(place + (event.key === "j" ? 1 : -1), 0), list.length - 1)];
      if (next && next !== list[place]) open(next, false);
    } else if (event.key === "Enter") {
      if (event.target.closest("a, button, summary")) return;
      const accept = document.activeElement === pane && pane.querySelector('[data-key="Enter"]:not([disabled])');
      if (accept) accept.click();
      else if (list[place] && !pane.querySelector(`article[data-case="${list[place].dataset.case}"]`)) open(list[place], true);
      else pane.focus();
    } else if (event.key === "/") {
      const search = document.getElementById("queue-search");
      if (search) search.focus();
    } else if (event.key === "?") {
      openDialog("dialog-help");
    } else if (event.key === "x" && list[place]) {
      const box = list[place].querySelector("input[name=case]");
      if (box) { box.checked = !box.checked; count(); }
    } else {
      const button = pane.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
      // After the last case of the list there is no pane, and still something to take back.
      const bulk = event.key === "u" && !lastCase && together();
      const off = !button && pane.querySelector(`[data-key="${CSS.escape(event.key)}"][disabled]`);
      if (bulk) {
        bulk.requestSubmit(); // the bulk act was the last thing done here
      } else if (off) {
        say((pane.querySelector(".pc-warn") || {}).textContent || "That is not possible with this case now.", true);
      } else if (!button && event.key === "u" && lastCase) {
        act(Object.assign(document.createElement("form"), { action: `${root.dataset.list}${lastCase}/act/undo/` }));
      } else if (!button) return;
      else button.click();
    }
    event.preventDefault();
  });
  told();
})();
