// The list of videos: `/` goes to the search field; during a run, the page announces new videos.

import { part } from "./http.js";

const ASK_MS = 5000;

const search = document.getElementById("q");
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  search.focus();
});

function withoutFrame(image) {
  image.replaceWith(Object.assign(document.createElement("span"), { className: "none" }));
}

for (const image of document.querySelectorAll(".poster img")) {
  image.addEventListener("error", () => withoutFrame(image));
  if (image.complete && !image.naturalWidth && image.currentSrc) withoutFrame(image); // it failed before this script ran
}

const news = document.getElementById("news");
const { stamp, out } = news.dataset;

async function ask() {
  if (document.hidden) return;
  try {
    const state = JSON.parse(await part("/state", { out }));
    const lines = state.at_work.map((line) => `${line}. `);
    news.textContent = lines.join("");
    if (state.stamp !== stamp) {
      const link = document.createElement("a");
      link.href = location.href;
      link.textContent = `There is more to see: ${state.captioned} of ${state.videos} videos captioned. Show it`;
      news.append(link);
    }
    news.hidden = !news.hasChildNodes();
  } catch {
    news.hidden = false;
    news.textContent = "The viewer does not respond; it may have been stopped.";
  }
}

setInterval(ask, ASK_MS);
