/* What a first visitor wants to know, until it was read once in this browser. */
const hint = element.querySelector(".um-hint");
try {
  if (localStorage.getItem("um-hint-read")) hint.remove();
} catch {
  /* A browser that keeps nothing shows it each time. */
}
hint?.querySelector("button")?.addEventListener("click", () => {
  hint.remove();
  try {
    localStorage.setItem("um-hint-read", "yes");
  } catch {
    /* see above */
  }
});
