/* What plain HTML cannot do: one clock that refreshes the page and says how old it is, copying, and small comforts.
   Every page works without this file. No eval, no inline handlers: the content security policy forbids both. */
(() => {
  "use strict";

  const EVERY = 5_000;          // ms between two reads of a page that follows
  const SLOWEST = 60_000;       // ms between two tries while the server does not answer
  const LIVE = "projectionist.live";
  const KEYS = "projectionist.keys";
  const GO = 1_500;             // ms in which a letter after g still means a page
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => root.querySelectorAll(selector);
  const thousands = (n) => n.toLocaleString("en-US");

  const live = {
    on: stored(LIVE) !== "off",
    timer: 0,
    failures: 0,
    asked: 0,                   // when the running request began; 0 when there is none
    readAt: Date.now(),
    shown: 0,                   // head of the log when #live was last drawn
  };

  function stored(key) {
    try { return localStorage.getItem(key); } catch { return null; }
  }

  function store(key, on) {
    try { localStorage.setItem(key, on ? "on" : "off"); } catch { /* private window: lasts for this page */ }
  }

  /* ---- live: ask again, hold while someone is busy, back off when nobody answers ---- */

  function follows() {
    return byId("live")?.hasAttribute("hx-get") ?? false;
  }

  /** Why the page must not move now, or null. */
  function heldBy() {
    const selection = document.getSelection();
    if (selection?.type === "Range" && byId("live")?.contains(selection.anchorNode)) return "text is selected";
    if (document.querySelector("[data-opened]")) return "an event is open";
    if (document.querySelector("dialog[open], :is(.picker, .menu)[open], [popover]:popover-open")) return "something is open";
    const focus = document.activeElement;
    if (focus?.matches("#live :is(input, select, textarea)")) return "you are typing";
    if (focus?.matches("[data-hold] :is(a, button, summary)")) return "a row is focused";
    if (matchMedia("(hover: hover)").matches && document.querySelector("[data-hold] tbody:hover")) return "the pointer is over the rows";
    return null;
  }

  /** A page on which something goes on asks for a quicker pace. */
  const every = () => Number(byId("live")?.dataset.every) || EVERY;

  function pause() {
    return Math.min(every() * 2 ** Math.min(live.failures, 4), SLOWEST);
  }

  function plan(wait = pause()) {
    clearTimeout(live.timer);
    if (live.on && !document.hidden) live.timer = setTimeout(tick, wait);
  }

  function tick() {
    plan();
    if (!live.on || document.hidden || (live.asked && Date.now() - live.asked < SLOWEST)) return;
    const held = heldBy();
    live.asked = Date.now();
    htmx.trigger(document.body, follows() && !held ? "refresh-page" : "refresh-head");
    tell();
  }

  function answered(status) {
    live.asked = 0;
    if (status < 400) {
      live.failures = 0;
      live.readAt = Date.now();
    } else {
      live.failures += 1;
    }
    plan();
    tell();
  }

  const isPoll = (context) => /^refresh-(page|head)$/.test(context?.sourceEvent?.type ?? "");
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (isPoll(ctx)) ctx.request.headers["X-Live"] = "1";   // somebody's absence must not look like work
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    if (isPoll(ctx)) answered(ctx.response?.status ?? 599);
  });
  document.addEventListener("htmx:error", (event) => {
    if (isPoll(event.detail.ctx)) answered(599);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx?.sourceElement?.id === "live") live.shown = headNow();
    dress();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && live.on) plan(0);
  });

  /* ---- saying so: age of what is shown, what is held back, relative times ---- */

  const headNow = () => Number(byId("pulse")?.dataset.head ?? 0);

  /** Mirrors the server's wording for a number of seconds, so that a time never changes its style. */
  function age(seconds) {
    const s = Math.max(0, Math.floor(seconds));
    const two = (large, unit, small, rest) => `${Math.floor(s / large)} ${unit}${Math.floor((s % large) / small) ? ` ${Math.floor((s % large) / small)} ${rest}` : ""}`;
    if (s < 60) return `${s} s`;
    return s < 3_600 ? two(60, "min", 1, "s") : two(3_600, "h", 60, "min");
  }

  function tell() {
    const since = byId("read-age");
    if (since) {
      const seconds = (Date.now() - live.readAt) / 1_000;
      since.textContent = live.failures
        ? `no answer, last read ${age(seconds)} ago`
        : `read ${seconds < 1 ? "just now" : `${age(seconds)} ago`}`;
      since.classList.toggle("late", live.failures > 0);
    }
    for (const note of all("[data-held]")) {
      const waiting = headNow() - live.shown;
      const reason = follows() ? heldBy() && `held back while ${heldBy()}` : "not on this page";
      note.hidden = !(live.on && reason && waiting > 0);
      const words = note.querySelector("[data-held-text]");
      if (words && !note.hidden) words.textContent = `${thousands(waiting)} newer ${waiting === 1 ? "event is" : "events are"} ${reason}.`;
    }
  }

  function breathe() {
    tell();
    const now = Date.now();
    for (const time of all("time[data-age]")) {
      const seconds = (now - Date.parse(time.dateTime)) / 1_000;
      if (seconds >= 1 && seconds < 86_400) time.textContent = `${age(seconds)} ago`;
    }
  }

  /* ---- comforts ---- */

  /** After load and after every swap: show what only works with a script, fill in what a swap has reset. */
  function dress() {
    for (const element of all("[data-script]")) element.hidden = false;
    for (const element of all("[data-no-script]")) element.hidden = true;
    for (const box of all("[data-live-switch]")) box.checked = live.on;
    for (const box of all("[data-keys-switch]")) box.checked = keys.on;
    for (const picker of all("details.picker")) label(picker);
    for (const button of all("[data-ticked]")) count(button);
    tell();
  }

  function label(picker) {
    const chosen = [...all("input:checked", picker)].map((box) => box.value);
    const words = picker.querySelector("[data-chosen]");
    words.textContent = chosen.length === 0 ? words.dataset.chosen : chosen.length < 3 ? chosen.join(", ") : `${chosen.length} types`;
  }

  /** Says how many boxes of its form are ticked. */
  function count(button) {
    const ticked = all("input[type=checkbox]:checked", button.form).length;
    button.textContent = button.dataset.ticked.replace("# ", ticked ? `${thousands(ticked)} ` : "");
  }

  async function copy(button) {
    const source = byId(button.dataset.copy);
    const before = button.textContent;
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(source.textContent);
      else copyOldWay(source.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => { button.textContent = before; }, 2_000);
  }

  /** Over plain HTTP there is no clipboard object. */
  function copyOldWay(text) {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("copy was refused");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy], [data-dismiss], [data-show-held], [data-keys]");
    for (const opened of all(":is(.picker, .menu)[open]")) if (!opened.contains(event.target)) opened.open = false;
    if (!button) return;
    if (button.dataset.copy) copy(button);
    else if ("dismiss" in button.dataset) button.closest(".toast").remove();
    else if ("keys" in button.dataset) byId("keys").showModal();
    else htmx.trigger(document.body, "refresh-page");
  });

  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.matches("[data-live-switch]")) {
      live.on = field.checked;
      store(LIVE, live.on);
      plan(0);
      tell();
    } else if (field.matches("[data-keys-switch]")) {
      keys.on = field.checked;
      store(KEYS, keys.on);
    } else if (field.matches("[data-submit-on-change]")) {
      field.form.requestSubmit();
    } else if (field.closest("details.picker")) {
      label(field.closest("details.picker"));
    }
    for (const button of all("[data-ticked]", field.form ?? document)) count(button);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const opened of all(":is(.picker, .menu)[open]")) {
      opened.open = false;
      opened.querySelector("summary").focus();
    }
  });

  /* ---- keys: only while nothing has the focus, and only while they are switched on ---- */

  const keys = { on: stored(KEYS) !== "off", went: 0 };

  function jump() {
    const field = byId("jump");
    if (field.checkVisibility()) field.select();
    else location.assign(field.form.action);      // a narrow screen has it on a page of its own
  }

  function press(key) {
    const going = Date.now() - keys.went < GO;
    keys.went = key === "g" && !going ? Date.now() : 0;
    const page = going && document.querySelector(`#keys [data-key="${CSS.escape(key)}"]`);
    if (page) location.assign(page.href);
    else if (key === "?") byId("keys").showModal();
    else if (key === "/") jump();
    return page || key === "?" || key === "/";
  }

  document.addEventListener("keydown", (event) => {
    const free = event.target.matches("body, #live") && !document.querySelector("dialog[open]");
    if (!keys.on || !free || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (press(event.key)) event.preventDefault();
  });

  /** A form whose answer is on its way takes no second click. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 5_000);
  });
  addEventListener("pageshow", () => { for (const form of all("form[data-sent]")) delete form.dataset.sent; });

  document.addEventListener("DOMContentLoaded", () => {
    live.shown = headNow();
    dress();
    const zone = document.querySelector("[data-own-zone]");
    if (zone?.value === "UTC") zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
    document.querySelector(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    for (const toast of all(".toast:not([data-stays])")) setTimeout(() => toast.remove(), 12_000);
    setInterval(breathe, 1_000);
    plan();
  });
})();
