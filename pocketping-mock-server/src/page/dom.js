// Small helpers for the page. Everything that is shown goes through textContent.

export const $ = (id) => document.getElementById(id);

/** Makes an element; children may be texts. */
export function el(tag, options = {}, ...children) {
  const { on, ...rest } = options;
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(rest)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  for (const [event, handler] of Object.entries(on ?? {})) made.addEventListener(event, handler);
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Sets a text only where it is another, so that nothing is announced or selected anew. */
export function text(node, words) {
  const said = String(words ?? "");
  if (node.textContent !== said) node.textContent = said;
}

export function classes(node, names) {
  if (node.className !== names) node.className = names;
}

/**
 * Makes a list show these items: nodes stay as long as their key is there, so that focus and reading position stay.
 * `make(item)` gives a node, `update(node, item)` fills it.
 */
export function sync(list, items, key, make, update) {
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const at = [...list.children].findIndex((node) => node.contains(document.activeElement));
  const held = list.children[at];
  const nodes = items.map((item) => {
    const name = String(key(item));
    const node = known.get(name) ?? make(item);
    known.delete(name);
    node.dataset.key = name;
    update(node, item);
    return node;
  });
  for (const node of known.values()) node.remove();
  let place = list.firstElementChild;
  for (const node of nodes) {
    // The one with the focus would lose it if it were moved: the others make way.
    while (node === held && place !== held) {
      const next = place.nextElementSibling;
      place.remove();
      place = next;
    }
    if (node === place) place = place.nextElementSibling;
    else list.insertBefore(node, place);
  }
  const isLost = (held && !held.isConnected) || (items.length === 0 && list === document.activeElement);
  if (isLost) near(list, at).focus();
}

/** What takes the focus of an entry that is gone: the next one, or else what the list stands under. */
function near(list, at) {
  const next = list.children[Math.min(at, list.children.length - 1)]?.querySelector("button, summary");
  return next ?? list.closest("details")?.querySelector("summary") ?? list.closest("section").querySelector("h2");
}

/** Shows a part of the page or hides it; if it had the focus, that goes elsewhere. */
export function showOnly(node, isShown, otherwise) {
  const isLost = !isShown && node.contains(document.activeElement);
  node.hidden = !isShown;
  if (isLost) otherwise.focus();
}

/** Says that there is nothing to do for a button. It stays where it is for a keyboard, and does nothing. */
export const rests = (button, isResting) => button.setAttribute("aria-disabled", String(Boolean(isResting)));

addEventListener(
  "click",
  (event) => {
    if (!event.target.closest?.('[aria-disabled="true"]')) return;
    event.preventDefault();
    event.stopPropagation();
  },
  { capture: true },
);

let today = "";

/** Says which day it is for the server; gives whether it was another. */
export function dayIs(iso) {
  const before = today;
  today = iso.slice(0, 10);
  return before !== today;
}

/** An ISO time as the server says it: its time of day, and the date where it is not today's. */
export function clockTime(iso) {
  if (!iso) return "";
  const [day, time] = [iso.slice(0, 10), iso.slice(11, 19)];
  return day === today ? time : `${day} ${time}`;
}

/** Shows or takes away a sentence that says what is wrong. */
export function problem(node, words) {
  text(node, words);
  node.hidden = !words;
}

/** What somebody wrote; of blanks the field itself says that they are not sent. */
export function wordsOf(field) {
  const words = field.value.trim();
  if (!words) {
    field.setCustomValidity("Write something first: blanks are not sent.");
    field.reportValidity();
    field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
  }
  return words;
}

/** Enter sends, Shift+Enter begins a line, and an input method's Enter is its own. */
export function sendsOnEnter(area) {
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    area.form.requestSubmit();
  });
}

/** Keeps a log at its end, unless somebody reads further up. */
export function atEnd(log, change) {
  const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (wasAtEnd) log.scrollTop = log.scrollHeight;
}

const NAMES = { visitor: "Visitor", operator: "Operator", ai: "AI", system: "System" };

/** One message as a list entry; the meta line comes below its words. */
export function messageNode() {
  return el("li", {}, el("p"), el("span", { class: "meta" }));
}

export function fillMessage(node, { who, words, at, marks, isMine, isGone }) {
  classes(node, `message ${who} ${isMine ? "mine" : ""} ${isGone ? "gone" : ""}`.trim());
  text(node.firstElementChild, isGone ? "This message was deleted" : words);
  text(node.lastElementChild, [NAMES[who] ?? who, clockTime(at), ...marks].filter(Boolean).join(" · "));
}

/** How many files a message carries, in words. */
export function filesOf(files) {
  if (!files?.length) return "";
  return files.map((file) => `📎 ${file.filename ?? file.id}`).join(" ");
}
