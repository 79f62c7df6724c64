/* An example was chosen: by mouse, touch or keyboard, because they are real buttons. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-example]");
  if (button) trigger("pick", { id: button.dataset.example });
});
