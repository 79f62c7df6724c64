/* A picture that is pasted, or a file that is dropped beside the drop zone, goes into the drop zone. */
function hand(file) {
  const zone = document.querySelector("#um-file");
  const put = () => {
    const input = zone.querySelector("input[type=file]");
    if (!input) return false;
    const box = new DataTransfer();
    box.items.add(file);
    input.files = box.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };
  if (put()) return;
  zone.querySelector("button[aria-label='Clear']")?.click();
  const waiting = setInterval(() => put() && clearInterval(waiting), 60);
  setTimeout(() => clearInterval(waiting), 3000);
}

document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])][0];
  if (!file) return;
  event.preventDefault();
  hand(file);
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  const file = event.dataTransfer?.files?.[0];
  if (!file || event.target.closest("#um-file")) return;
  event.preventDefault();
  hand(file);
});
