"use strict";
{
  const get = (id) => document.getElementById(id);
  const rows = [...get("events").tBodies[0].rows];
  const [who, find, count] = ["who", "find", "count"].map(get);
  const texts = new Map();
  const text = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
    return texts.get(row);
  };
  const filter = () => {
    const [role, words] = [who.value, find.value.toLowerCase().split(/\s+/).filter(Boolean)];
    let shown = 0;
    for (const row of rows) {
      const hit = (!role || row.cells[2].textContent === role) && words.every((word) => text(row).includes(word));
      row.hidden = !hit;
      shown += hit;
    }
    count.textContent = role || words.length ? shown + " of " + rows.length : "";
  };
  let timer;
  find.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 120); });
  who.addEventListener("change", filter);
  for (const part of document.querySelectorAll(".js")) part.hidden = false;
  // A link into the table must find its row.
  addEventListener("hashchange", () => {
    const row = document.querySelector(":target");
    if (row && row.hidden) { who.value = find.value = ""; filter(); row.scrollIntoView(); }
  });
}
