"use strict";

// Sorting: within each group only, because the numbers of two groups do not compare. Seeds travel with their mean.
const table = document.querySelector("table.results");

function families(body) {
  const found = [];
  for (const row of [...body.rows].slice(1)) {
    if (row.classList.contains("seed")) found[found.length - 1].push(row);
    else found.push([row]);
  }
  return found;
}

function key(row, column) {
  const cell = row.cells[column];
  if (column === 0) return cell.textContent.trim().toLowerCase();
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null); // what is missing stands last, either way
  return sign * (a < b ? -1 : a > b ? 1 : 0);
}

function sort(head) {
  const column = head.cellIndex;
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  for (const body of table.tBodies) {
    const sorted = families(body).sort((a, b) => compare(key(a[0], column), key(b[0], column), ascending ? 1 : -1));
    body.append(...sorted.flat());
  }
}

if (table) {
  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }
  for (const button of table.querySelectorAll("button.fold")) {
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      let row = button.closest("tr").nextElementSibling;
      while (row && row.classList.contains("seed")) {
        row.hidden = !open;
        row = row.nextElementSibling;
      }
    });
  }
}

// Light, dark, or as the system has it.
const themes = ["auto", "light", "dark"];
const toggle = document.querySelector("button.theme");
toggle.hidden = false;
toggle.addEventListener("click", () => {
  const root = document.documentElement;
  const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % themes.length];
  root.dataset.theme = next;
  toggle.textContent = `theme: ${next}`;
});
