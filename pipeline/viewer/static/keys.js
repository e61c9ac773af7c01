// Keys of the page of a video. Letter keys are ignored in text fields and can be turned off (WCAG 2.1.4).

const STORED = "longcap-keys";

export function keysOn() {
  return localStorage.getItem(STORED) !== "off";
}

export function setKeys(on) {
  localStorage.setItem(STORED, on ? "on" : "off");
}

/** Call `commands[name]()` when its key is pressed. */
export function listen(commands) {
  const names = {
    " ": "toggle", k: "toggle", j: "back", l: "forward", L: "loop", "[": "previous", "]": "next",
    ",": "frameBack", ".": "frameForward", "<": "slower", ">": "faster",
    a: "accept", r: "reject", e: "edit", "?": "help", Escape: "clear",
  };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const target = event.target;
    const typing = target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "z" && !typing) {
      event.preventDefault();
      commands.undo?.();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
    const key = event.key.length === 1 && event.key !== "L" ? event.key.toLowerCase() : event.key;
    const name = names[event.shiftKey && key === "l" ? "L" : key];
    if (!name || (name !== "clear" && name !== "help" && !keysOn())) return;
    if (key === " " && target.closest?.("button, a, summary, input")) return; // activates the focused element
    event.preventDefault();
    commands[name]?.();
  }, true);
}
