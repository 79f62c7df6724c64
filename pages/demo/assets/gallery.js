/* An example was chosen: by mouse, touch or keyboard, because they are real buttons. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-example]");
  if (!button) return;
  history.replaceState(null, "", `?example=${encodeURIComponent(button.dataset.example)}`);
  trigger("pick", { id: button.dataset.example });
});
/* A link may name an example: it is chosen once the page is ready. */
const wanted = new URLSearchParams(location.search).get("example");
if (wanted) {
  const choose = () => {
    const button = [...element.querySelectorAll("button[data-example]")].find((b) => b.dataset.example === wanted);
    if (!button || !document.querySelector("#um-run")) return false;
    button.click();
    return true;
  };
  const waiting = setInterval(() => choose() && clearInterval(waiting), 200);
  setTimeout(() => clearInterval(waiting), 10000);
}
