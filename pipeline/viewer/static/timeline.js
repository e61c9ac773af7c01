// <lc-timeline>: lanes of spans over the length of a video. Tab moves between lanes, arrow keys move within one.

import { clock } from "./http.js";

const MAX_ZOOM = 64;

class Timeline extends HTMLElement {
  #duration = 0;
  #lanes = new Map(); // id of a lane -> { list, items: [{ start, end, id, node }] }
  #byId = new Map(); // id of an item -> its nodes: a sentence may cite several spans
  #cursor;
  #inner;
  #scroll;
  #zoom = 1;
  #lit = [];

  async connectedCallback() {
    const answer = await fetch(this.dataset.src);
    if (!answer.ok) return;
    const { duration, lanes } = await answer.json();
    this.#duration = duration || 1;
    this.#build(lanes);
    this.dispatchEvent(new Event("ready"));
  }

  /** Move the cursor to a time; it stays in view while the video plays. */
  set time(value) {
    if (!this.#cursor) return;
    const share = Math.min(1, Math.max(0, value / this.#duration));
    this.#cursor.style.left = `${share * 100}%`;
    if (this.#zoom > 1) {
      const at = share * this.#inner.offsetWidth;
      const { scrollLeft, clientWidth } = this.#scroll;
      if (at < scrollLeft || at > scrollLeft + clientWidth) this.#scroll.scrollLeft = at - clientWidth / 3;
    }
  }

  /** Mark the selected items (`picked`) and their evidence (`lit`); both are lists of ids. */
  mark(picked, lit) {
    for (const node of this.#lit) node.classList.remove("picked", "lit");
    this.#lit = [];
    for (const [ids, name] of [[picked, "picked"], [lit, "lit"]]) {
      for (const id of ids) {
        for (const node of this.#byId.get(id) || []) {
          node.classList.add(name);
          this.#lit.push(node);
        }
      }
    }
  }

  /** Mark the item of the current sentence. */
  now(id) {
    for (const node of this.querySelectorAll(".item.now")) node.classList.remove("now");
    for (const node of this.#byId.get(id) || []) node.classList.add("now");
  }

  #build(lanes) {
    const bar = element("div", "zoom");
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Zoom of the timeline");
    const less = element("button", "", "−");
    less.ariaLabel = "Zoom out";
    const more = element("button", "", "+");
    more.ariaLabel = "Zoom in";
    for (const [button, factor] of [[less, 0.5], [more, 2]]) {
      button.type = "button";
      button.addEventListener("click", () => this.#setZoom(this.#zoom * factor));
    }
    bar.append(less, more);
    this.#scroll = element("div", "scroll");
    this.#inner = element("div", "inner");
    const names = element("div", "names");
    names.append(element("span", "name axis"));
    const axis = element("div", "axis");
    this.#inner.append(axis);
    for (const lane of lanes) {
      const name = element("span", `name rows-${Math.min(lane.rows, 4)}`, lane.name);
      name.setAttribute("aria-hidden", "true");
      names.append(name);
      this.#inner.append(this.#lane(lane));
    }
    this.#cursor = element("div", "cursor");
    this.#inner.append(this.#cursor);
    this.#scroll.append(this.#inner);
    this.replaceChildren(bar, names, this.#scroll);
    this.#ticks();
    axis.addEventListener("click", (event) => {
      const box = this.#inner.getBoundingClientRect();
      this.#choose({ time: ((event.clientX - box.left) / box.width) * this.#duration });
    });
  }

  #lane(lane) {
    const list = element("div", `lane ${lane.id} rows-${Math.min(lane.rows, 4)}`);
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-orientation", "horizontal");
    list.setAttribute("aria-label", `${lane.name}, ${lane.items.length}`);
    list.tabIndex = 0;
    const items = lane.items.map(([start, end, id, label, row, kind], k) => {
      const node = element("div", `item ${kind} row-${Math.min(row, 3)}`);
      node.id = `i-${lane.id}-${k}`;
      node.setAttribute("role", "option");
      node.setAttribute("aria-selected", "false");
      node.setAttribute("aria-label", `${clock(start)} to ${clock(end)}: ${label}`);
      node.title = `${clock(start)} to ${clock(end)}\n${label}`;
      node.style.left = `${(start / this.#duration) * 100}%`;
      node.style.width = `${Math.max(0, (end - start) / this.#duration) * 100}%`;
      const nodes = this.#byId.get(id);
      if (nodes) nodes.push(node);
      else this.#byId.set(id, [node]);
      return { start, end, id, node };
    });
    list.append(...items.map((item) => item.node));
    this.#lanes.set(lane.id, { list, items });
    let at = -1;
    const choose = (next) => {
      if (at >= 0) items[at].node.setAttribute("aria-selected", "false");
      at = Math.min(items.length - 1, Math.max(0, next));
      const { node, start, end, id } = items[at];
      node.setAttribute("aria-selected", "true");
      list.setAttribute("aria-activedescendant", node.id);
      node.scrollIntoView({ block: "nearest", inline: "nearest" });
      this.#choose({ time: start, end, id, lane: lane.id });
    };
    list.addEventListener("click", (event) => {
      const node = event.target.closest(".item");
      if (node) choose(items.findIndex((item) => item.node === node));
      else {
        const box = this.#inner.getBoundingClientRect();
        this.#choose({ time: ((event.clientX - box.left) / box.width) * this.#duration });
      }
    });
    list.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1, Enter: Math.max(0, at) };
      if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      choose(moves[event.key]);
      if (event.key === "Enter") this.dispatchEvent(new Event("playspan"));
    });
    return list;
  }

  #choose(detail) {
    this.dispatchEvent(new CustomEvent("choose", { detail }));
  }

  #setZoom(zoom) {
    const middle = (this.#scroll.scrollLeft + this.#scroll.clientWidth / 2) / this.#inner.offsetWidth;
    this.#zoom = Math.min(MAX_ZOOM, Math.max(1, zoom));
    this.#inner.style.width = `${this.#zoom * 100}%`;
    this.#scroll.scrollLeft = middle * this.#inner.offsetWidth - this.#scroll.clientWidth / 2;
    this.#ticks();
  }

  #ticks() {
    const axis = this.#inner.querySelector(".axis");
    const wide = Math.max(1, Math.floor(this.#inner.offsetWidth / 90));
    const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
    const step = steps.find((s) => this.#duration / s <= wide) || 7200;
    const ticks = [];
    for (let t = 0; t <= this.#duration - step / 3; t += step) {
      const tick = element("span", "tick", clock(t).replace(/\.000$/, "").replace(/(\.\d)\d\d$/, "$1"));
      tick.style.left = `${(t / this.#duration) * 100}%`;
      ticks.push(tick);
    }
    axis.replaceChildren(...ticks);
  }
}

function element(name, classes = "", text = "") {
  const node = document.createElement(name);
  if (classes) node.className = classes;
  if (text) node.textContent = text;
  return node;
}

customElements.define("lc-timeline", Timeline);
