/* Saves what the server has made, text or bytes in base64; nothing is left on the server. */
watch("value", () => {
  if (!props.value) return;
  const { name, type, text, base64 } = JSON.parse(props.value);
  const content = base64 ? Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)) : text;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
