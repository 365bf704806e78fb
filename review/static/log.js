// Verifying goes on by itself, one piece after the other, as long as the page is looked at.

const form = document.querySelector("form[data-go-on]");

if (form) {
  const goOn = () => document.visibilityState === "visible" && form.requestSubmit();
  setTimeout(goOn, 150);
  document.addEventListener("visibilitychange", goOn);
}
