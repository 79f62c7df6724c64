() => {
  /* Gradio names its drop zones otherwise than they read; who speaks to the page must be able to say what stands there. */
  const name = () => {
    for (const zone of document.querySelectorAll("button.upload-container[aria-label]:not([data-um-named])")) {
      const read = zone.innerText.replace(/\s+/g, " ").trim();
      if (read) zone.setAttribute("aria-label", read);
      zone.setAttribute("data-um-named", "");
    }
  };
  name();
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
}
