// Keys, rows that can be clicked, and following a live run. Every page works without it.
(() => {
  const body = document.body;
  // The list of records where there is one, else the rows of tables.
  const rows = () => {
    const list = [...document.querySelectorAll("ul.rows > [data-href]")];
    return list.length ? list : [...document.querySelectorAll("[data-href]")];
  };
  let at = -1;

  const go = (href) => { if (href) location.assign(href); };

  const mark = (next) => {
    const all = rows();
    if (!all.length) return false;
    at = Math.max(0, Math.min(all.length - 1, next));
    all.forEach((row, i) => row.classList.toggle("at", i === at));
    all[at].scrollIntoView({ block: "nearest" });
    return true;
  };

  const typing = (target) =>
    target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target.isContentEditable;

  // A key writes a label only where one sees what it will say: a form that is out of sight is shown
  // first, and the next press counts.
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    return box.height > 0 && box.top >= 48 && box.bottom <= innerHeight;
  };
  const press = (name) => {
    const form = document.querySelector(".step.marked form.label");
    const button = form && form.querySelector(`button[value="${name}"]`);
    if (!button) return;
    if (seen(form)) button.click();
    else form.closest(".step").scrollIntoView({ block: "center" });
  };

  // The queue's own buttons, by their keys.
  const queue = document.querySelector("form.label.work");
  const tap = (key) => document.querySelector(`[data-key="${key}"]`)?.click();

  // A picture large: the others of its list beside it, two of them in turn at one place.
  const light = document.getElementById("light");
  const shown = { list: [], at: 0, timer: 0 };
  const draw = (at) => {
    shown.at = (at + shown.list.length) % shown.list.length;
    const link = shown.list[shown.at];
    light.querySelector("img").src = link.href;
    light.querySelector(".what").textContent = link.closest("figure").querySelector("b")?.textContent ?? "";
  };
  const still = () => { clearInterval(shown.timer); shown.timer = 0; };
  const lightKeys = {
    prev: () => { still(); draw(shown.at - 1); },
    next: () => { still(); draw(shown.at + 1); },
    flicker: () => {
      if (shown.timer) return still();
      const first = shown.at;
      let on = false;
      shown.timer = setInterval(() => { on = !on; draw(on ? first + 1 : first); }, 400);
    },
    zoom: () => light.classList.toggle("whole"),
    close: () => light.close(),
  };
  light?.addEventListener("close", still);
  light?.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act) lightKeys[act](); else if (event.target === light) light.close();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("figure a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const group = link.closest(".pictures") ?? link.closest("main");
    shown.list = [...group.querySelectorAll("figure a")];
    light.showModal();
    draw(shown.list.indexOf(link));
  });

  const rel = (name) => document.querySelector(`a[rel="${name}"]`);

  const keys = {
    j: () => mark(at + 1) || go(rel("next")?.href),
    k: () => mark(at - 1) || go(rel("prev")?.href),
    n: () => go(rel("next")?.href),
    p: () => go(rel("prev")?.href),
    Enter: () => go(rows()[at]?.dataset.href),
    a: () => (queue ? tap("a") : press("yes")),
    d: () => (queue ? tap("d") : press("no")),
    s: () => tap("s"),
    z: () => tap("z"),
    i: () => queue?.querySelector('input[name="note"]').focus(),
    l: () => go(`${body.dataset.base}/work`),
    u: () => go(document.getElementById("up")?.href || `${body.dataset.base}/`),
    "/": () => {
      const box = document.querySelector('input[type="search"]');
      if (box) { box.focus(); box.select(); } else go(`${body.dataset.base}/search`);
    },
    g: () => go(`${body.dataset.base}/`),
    r: () => go(`${body.dataset.base}/search`),
    "?": () => document.getElementById("keys")?.showModal(),
  };
  document.getElementById("help")?.addEventListener("click", () => keys["?"]());

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (light?.open) {
      const act = { ArrowLeft: "prev", ArrowRight: "next", k: "prev", j: "next", f: "flicker", z: "zoom" }[event.key];
      if (act) { event.preventDefault(); lightKeys[act](); }
      return;
    }
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      // A note alone is no answer.
      const form = event.target.closest("form.label");
      if (event.key === "Enter" && form && !form.querySelector("button.on")) event.preventDefault();
      return;
    }
    if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.matches("a, button, summary")) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("a, button, input, select, summary, label")) return;
    if (String(getSelection())) return;
    go(event.target.closest("[data-href]")?.dataset.href);
  });

  document.querySelectorAll("form.filter select").forEach((select) =>
    select.addEventListener("change", () => select.form.requestSubmit()));
  // Empty fields stay out of the address.
  document.querySelectorAll("form.filter").forEach((form) =>
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
    }));

  // A page that somebody works on (typing, a marked row, text selected, an opened part) is not
  // taken from under his hands: then the new state is offered.
  let busy = false;
  const work = () => { busy = true; };
  document.addEventListener("input", work);
  document.querySelectorAll("summary").forEach((summary) => summary.addEventListener("click", work));
  const offer = () => {
    const fresh = document.getElementById("fresh");
    if (fresh) fresh.hidden = false;
  };
  document.querySelector("#fresh button")?.addEventListener("click", () => location.reload());

  if (body.dataset.live === "true") {
    const look = async () => {
      if (!document.hidden) {
        try {
          const now = await (await fetch(`${body.dataset.base}/live`)).json();
          const held = busy || at >= 0 || String(getSelection()) || document.querySelector("dialog[open]");
          if (now.version !== body.dataset.version && held) offer();
          else if (now.version !== body.dataset.version) { location.reload(); return; }
        } catch { /* the viewer was stopped; the page stays */ }
      }
      setTimeout(look, 2000);
    };
    setTimeout(look, 2000);
  }
})();
