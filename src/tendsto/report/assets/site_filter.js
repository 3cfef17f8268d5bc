// The table of the atlas by text, family and outcome.
(() => {
  const form = document.querySelector(".filter");
  const rows = [...document.querySelectorAll("tr")].filter((row) => row.querySelector("[data-family]"));
  const value = (name) => form.elements[name].value;
  form.hidden = false;
  form.onsubmit = (event) => event.preventDefault();
  form.oninput = () => {
    let shown = 0;
    for (const row of rows) {
      const { family, outcomes } = row.querySelector("[data-family]").dataset;
      const fits =
        row.textContent.toLowerCase().includes(value("text").toLowerCase()) &&
        (!value("family") || family === value("family")) &&
        (!value("outcome") || outcomes.split(" ").includes(value("outcome")));
      row.hidden = !fits;
      shown += fits;
    }
    document.getElementById("count").textContent = `${shown} of ${rows.length} papers`;
  };
  form.oninput();
})();
