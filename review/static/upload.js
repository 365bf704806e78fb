"use strict";
// A file that is larger than its page takes is told of before it is sent: `data-most` is bytes, `data-why` the words.
(() => {
  for (const input of document.querySelectorAll("input[type=file][data-most]")) {
    input.addEventListener("change", () => {
      const large = [...input.files].some((file) => file.size > Number(input.dataset.most));
      input.setCustomValidity(large ? input.dataset.why : "");
      input.reportValidity();
    });
  }
})();
