/* The camera stops when nobody looks: its own stop button is pressed when the tab is hidden. */
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  const camera = document.querySelector("#um-camera");
  camera?.querySelectorAll("video").forEach((video) => {
    video.srcObject?.getTracks().forEach((track) => track.stop());
  });
  camera?.querySelector("button[aria-label*='stop' i], button[title*='stop' i]")?.click();
  camera?.setAttribute("data-stopped", "true");
});
