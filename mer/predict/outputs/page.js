for (const section of document.querySelectorAll("section")) {
  const player = section.querySelector("audio, video");
  if (!player) continue;
  const timeline = section.querySelector(".timeline");
  const rows = [...section.querySelectorAll("tr[data-start]")];
  for (const button of section.querySelectorAll("button[data-start]")) {
    button.addEventListener("click", () => { player.currentTime = Number(button.dataset.start); player.play(); });
  }
  player.addEventListener("timeupdate", () => {
    const now = player.currentTime;
    if (timeline) timeline.querySelector(".now").style.left = `${100 * now / Number(timeline.dataset.seconds)}%`;
    for (const row of rows) {
      row.classList.toggle("current", Number(row.dataset.start) <= now && now < Number(row.dataset.end));
    }
  });
}
