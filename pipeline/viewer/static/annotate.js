// Annotations of a caption: verdicts, corrected texts and times, notes, undo. The server stores each of them.

import { act } from "./http.js";

export function annotations({ named, chosen, time, changed }) {
  const status = document.getElementById("status");
  const caption = document.getElementById("caption");

  async function send(body, where = status) {
    try {
      if (where) where.textContent = "Saving…";
      await act("/annotate", named, { body: { ...body, content_hash: caption.dataset.hash } });
      await changed();
      showWhole();
      const again = where?.isConnected ? where : status;
      if (again) again.textContent = "Saved";
      return true;
    } catch (error) {
      if (where) where.textContent = error.message;
      return false;
    }
  }

  /** The verdict on the whole caption, from the newest caption part. */
  function showWhole() {
    const verdict = document.getElementById("verdict")?.dataset.verdict;
    for (const button of document.querySelectorAll("[data-whole]")) {
      button.setAttribute("aria-pressed", String(button.dataset.whole === verdict));
    }
  }

  function place() {
    const query = chosen()?.query || {};
    if (query.section === undefined) return {};
    return {
      section_index: Number(query.section),
      sentence_index: query.sentence === undefined ? null : Number(query.sentence),
    };
  }

  async function undo() {
    const button = [...document.querySelectorAll("[data-undo]")].find((b) => b.textContent.trim() === "Undo");
    if (button) await send({ kind: "undo", undoes: button.dataset.undo });
    else if (status) status.textContent = "There is nothing to undo";
  }

  async function save(form) {
    const where = { section_index: Number(form.dataset.section), sentence_index: form.dataset.sentence === "" ? null : Number(form.dataset.sentence) };
    const said = form.querySelector(".saved");
    const note = form.elements.note.value.trim() || null;
    const acts = [];
    const field = form.elements.text;
    if (field.value.trim() !== field.defaultValue.trim()) acts.push({ kind: "text", text: field.value, ...where, note });
    const [start, end] = [form.elements.start_s, form.elements.end_s];
    if (start && (start.value !== start.defaultValue || end.value !== end.defaultValue)) {
      acts.push({ kind: "times", start_s: Number(start.value), end_s: Number(end.value), ...where, note });
    }
    if (!acts.length && note) acts.push({ kind: "note", ...where, note });
    if (!acts.length) {
      said.textContent = "Nothing has changed";
      return;
    }
    for (const one of acts) {
      if (!(await send(one, said))) return;
    }
  }

  const evidence = document.getElementById("evidence");
  evidence.addEventListener("submit", (event) => {
    event.preventDefault();
    save(event.target);
  });
  evidence.addEventListener("click", (event) => {
    const verdict = event.target.closest("[data-verdict]");
    if (verdict) {
      send({ kind: verdict.dataset.verdict, ...place() }, event.target.closest("form").querySelector(".saved"));
      return;
    }
    const cursor = event.target.closest("[data-cursor]");
    if (cursor) event.target.closest("form").elements[cursor.dataset.cursor].value = time().toFixed(3);
  });
  for (const button of document.querySelectorAll("[data-whole]")) {
    button.addEventListener("click", () => send({ kind: button.dataset.whole }));
  }
  document.getElementById("undo")?.addEventListener("click", undo);
  document.getElementById("note")?.addEventListener("click", () => {
    const note = prompt("Note on the whole caption");
    if (note?.trim()) send({ kind: "note", note });
  });
  document.getElementById("history").addEventListener("click", (event) => {
    const button = event.target.closest("[data-undo]");
    if (button) send({ kind: "undo", undoes: button.dataset.undo });
  });

  return { undo, verdict: (kind) => document.querySelector("[data-whole]") && send({ kind, ...place() }) };
}
