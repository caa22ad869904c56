/* The live pieces: the course's own Python, run in the page by Pyodide. Nothing is fetched before a reader asks for it.
   What is computed is in ulmfit_lib/authoring/live_pieces.py; here it is only drawn. */
(() => {
  "use strict";

  const HERE = new URL("live/", document.currentScript.src);
  const SAMPLE = "I LOVED it!!!! A very very very good film<br />with Maggie Smith and/or her cat. It wasn't 10/10, though...";
  let python; // a promise, the same for all pieces of the page

  async function startPython() {
    const { loadPyodide } = await import(new URL("pyodide/pyodide.mjs", HERE).href);
    const pyodide = await loadPyodide({ indexURL: new URL("pyodide/", HERE).href });
    const fetched = async (name) => {
      const answer = await fetch(new URL(name, HERE));
      if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
      return answer;
    };
    pyodide.unpackArchive(await (await fetched("ulmfit_lib.zip")).arrayBuffer(), "zip");
    pyodide.globals.set("data", await (await fetched("data.json")).text());
    return pyodide.runPython(
      "import json\nfrom ulmfit_lib.authoring.live_pieces import LivePieces\nLivePieces(json.loads(data)).call",
    );
  }

  // --- building blocks ---

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  let count = 0;

  function labelled(text, field) {
    field.id = `live-field-${count++}`;
    return make("div", { className: "live-field" }, make("label", { htmlFor: field.id }, text), field);
  }

  function slider(text, properties, changed) {
    const field = make("input", { type: "range", ...properties });
    field.value = properties.value; // after min and max, which would clip it
    const shown = make("output", {}, field.value);
    field.addEventListener("input", () => {
      shown.textContent = field.value;
      changed();
    });
    const box = labelled(text, field);
    box.append(shown);
    field.put = (value) => {
      field.value = value;
      shown.textContent = field.value;
    };
    return [box, field];
  }

  const scrolling = (name, ...children) =>
    make("div", { className: "live-scroll", tabIndex: 0, role: "region", "aria-label": name }, ...children);

  function drawing(width, height, name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [key, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }))
      svg.setAttribute(key, value);
    svg.rectangle = (x, y, w, h, className) => {
      const shape = document.createElementNS(svg.namespaceURI, "rect");
      for (const [key, value] of Object.entries({ x, y, width: w, height: h, class: className }))
        shape.setAttribute(key, value);
      svg.append(shape);
    };
    return svg;
  }

  const colour = (number) => `document-${number % 4}`;

  // --- the pieces: each fills a place, and returns what to do when something was changed ---

  const PIECES = {
    tokens(place, call) {
      const field = make("textarea", { rows: 4, value: SAMPLE, spellcheck: false });
      const rules = make("ol", { className: "live-rules" });
      const tokens = make("ol", { className: "live-tokens" });
      const summary = make("p", { className: "live-summary", role: "status" });
      place.append(
        labelled("Your review", field),
        make("h3", {}, "What each rule does"),
        rules,
        make("h3", {}, "Tokens, and the id of each"),
        summary,
        tokens,
      );

      const update = () => {
        const result = call("tokens", { text: field.value });
        rules.replaceChildren(
          ...result.steps.map((step) => {
            const after = step.parts.map(([part, isNew]) => (isNew ? make("mark", {}, part) : part));
            const what = step.changed
              ? make("pre", { tabIndex: 0, "aria-label": `after ${step.rule}` }, ...after)
              : make("span", { className: "live-same" }, " changes nothing here");
            return make("li", {}, make("code", {}, step.rule), what);
          }),
        );
        tokens.replaceChildren(
          ...result.tokens.map((token, n) =>
            make(
              "li",
              { className: result.known[n] ? "" : "is-unknown" },
              make("span", { className: "token" }, token.replaceAll("\n", "⏎")),
              " ",
              make("span", { className: "id" }, result.ids[n]),
            ),
          ),
        );
        tokens.dataset.of = field.value;
        const unknown = result.known.filter((known) => !known).length;
        summary.textContent =
          `${result.tokens.length} tokens; ` +
          (unknown ? `${unknown} not in the vocabulary: framed, with the id of xxunk.` : "the vocabulary has them all.");
      };
      let waiting;
      field.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(update, 150);
      });
      return update;
    },

    stream(place, call) {
      const picture = make("div", { className: "live-picture" });
      const table = make("table");
      const said = make("p", { className: "live-summary", role: "status" });
      const update = () => {
        let result = call("stream", { bs: +rows.value, seq_len: +width.value, batch: +batch.value });
        batch.max = result.batches - 1;
        batch.put(Math.min(batch.value, batch.max));
        const svg = drawing(
          result.length,
          rows.value * 4,
          `${rows.value} rows of ${result.length} tokens, coloured by document, with a frame around columns ` +
            `${result.start} to ${result.end - 1}.`,
        );
        svg.setAttribute("preserveAspectRatio", "none");
        result.owners.forEach((runs, row) => {
          for (const [owner, start, length] of runs) svg.rectangle(start, row * 4 + 0.5, length, 3, colour(owner));
        });
        svg.rectangle(result.start, 0, result.end - result.start, rows.value * 4, "window");
        svg.style.height = `${rows.value * 1.1}rem`;
        picture.replaceChildren(svg);
        table.replaceChildren(
          make("caption", {}, `Batch ${batch.value}: x in colour; y is the same, one token further on`),
          ...result.rows.map((row, number) =>
            make(
              "tr",
              {},
              make("th", { scope: "row" }, `row ${number}`),
              ...row.map(([token, owner], column) =>
                make("td", { className: column < row.length - 1 ? colour(owner) : "ahead" }, token.replaceAll("\n", "⏎")),
              ),
            ),
          ),
        );
        said.textContent =
          `${result.tokens} tokens, ${rows.value} rows of ${result.length}, ${result.batches} batches; ` +
          `this one has ${result.end - result.start} columns. ` +
          `${result.unread} tokens are left out, and the last one is only predicted.`;
      };
      const [rowsBox, rows] = slider("Rows (bs)", { min: 1, max: 8, value: 3 }, update);
      const [widthBox, width] = slider("Columns (seq_len)", { min: 2, max: 12, value: 6 }, update);
      const [batchBox, batch] = slider("Batch", { min: 0, max: 100, value: 0 }, update);
      place.append(rowsBox, widthBox, batchBox, picture, scrolling("The words of this batch", table), said);
      return update;
    },

    padding(place, call) {
      const picture = make("div", { className: "live-picture" });
      const said = make("p", { className: "live-summary", role: "status" });
      const order = make(
        "select",
        {},
        ...["as they come", "sorted", "sorted, shuffled for training"].map((name) => make("option", {}, name)),
      );
      const update = () => {
        const result = call("padding", { bs: +size.value, order: order.value });
        const documents = result.batches.reduce((sum, batch) => sum + batch.length, 0);
        const longest = Math.max(...result.batches.flat());
        const share = `${(100 * result.waste).toFixed(1)} %`;
        const gap = 1.5;
        const svg = drawing(
          longest,
          documents + result.batches.length * gap,
          `${documents} reviews as lines in ${result.batches.length} batches, each line filled up to the longest of ` +
            `its batch; ${share} of the area is padding.`,
        );
        svg.setAttribute("preserveAspectRatio", "none");
        let y = 0;
        result.batches.forEach((batch, number) => {
          const width = Math.max(...batch);
          for (const length of batch) {
            svg.rectangle(0, y, length, 0.8, colour(number));
            svg.rectangle(length, y, width - length, 0.8, "padding");
            y += 1;
          }
          y += gap;
        });
        svg.style.height = "20rem";
        picture.replaceChildren(svg);
        said.textContent = `${share} of what the model would read is padding.`;
      };
      const [sizeBox, size] = slider("Reviews a batch", { min: 2, max: 32, value: 8 }, update);
      order.addEventListener("change", update);
      place.append(labelled("Order", order), sizeBox, picture, said);
      return update;
    },
  };

  // --- starting a piece ---

  function offer(place) {
    const note = place.querySelector(".live-note");
    if (location.protocol === "file:") {
      const command = make("code", {}, "make serve");
      note.replaceChildren("Opened as a file, this page may not run Python. Run ", command, ", and open the address it prints.");
      return;
    }
    const start = make("button", { type: "button", className: "course-button" }, "Start");
    note.textContent = "Python runs in your browser, from this site alone: about 14 MB to load, once. ";
    note.append(start);
    note.setAttribute("role", "status");
    start.addEventListener("click", async () => {
      start.remove();
      note.textContent = "Python is starting ...";
      try {
        python ??= startPython();
        const run = await python;
        const call = (name, values) => JSON.parse(run(name, JSON.stringify(values)));
        const inside = make("div", { className: "live-piece" });
        const update = PIECES[place.dataset.piece](inside, call);
        update();
        note.textContent = "Python is running in this page.";
        place.append(inside);
        place.dataset.running = "";
        inside.querySelector("textarea, input, select").focus();
      } catch (error) {
        python = undefined;
        note.textContent = `Python could not be started here (${error.message}). `;
        note.append(start);
      }
    });
  }

  for (const place of document.querySelectorAll(".live[data-piece]")) offer(place);
})();
