// The comparison page: a click on a time seeks the player.

const video = document.getElementById("video");

for (const link of document.querySelectorAll("[data-seek]")) {
  link.addEventListener("click", (event) => {
    if (!video) return;
    event.preventDefault();
    video.currentTime = Number(link.dataset.seek) + Number(video.dataset.first);
    video.play().catch(() => {});
  });
}
video?.addEventListener("error", () => video.closest(".screen").remove());
