/* What the course adds to a page that can run scripts: quizzes that answer, and progress kept in this browser.
   Without it every page reads whole: options are a list, answers are a fold, and nothing refers to progress. */
(() => {
  "use strict";

  const KEY = "ulmfit-course";
  const CHAPTER = /book\/\d\d_[a-z_]+/;

  // --- what is kept: {"book/04_streams": {answers: {"1": "b"}, right: 1, of: 5, read: false}} ---

  function recall() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
      return {}; // storage is switched off, or holds something else
    }
  }

  function keep(progress) {
    try {
      localStorage.setItem(KEY, JSON.stringify(progress));
    } catch {
      /* storage is switched off: the page works, and forgets */
    }
  }

  function change(page, changes) {
    const progress = recall();
    progress[page] = { ...progress[page], ...changes };
    keep(progress);
    show(page);
  }

  // --- building blocks ---

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  }

  function button(text, className) {
    const element = make("button", className, text);
    element.type = "button";
    return element;
  }

  const state = (kept) => {
    if (!kept) return { mark: "", said: "not begun" };
    const answered = `${kept.right ?? 0} of ${kept.of ?? 5} questions answered right`;
    const mark = kept.right ? `${kept.right}/${kept.of}` : "";
    return kept.read ? { mark: `✓ ${mark}`.trim(), said: `read, ${answered}` } : { mark, said: answered };
  };

  // --- quizzes ---

  function reasonFor(quiz, letter) {
    const all = [...quiz.querySelectorAll("[data-reason]")];
    const found = all.find((reason) => reason.dataset.reason.includes(letter));
    const copy = found.cloneNode(true);
    copy.querySelector("strong").remove();
    return copy.childNodes;
  }

  function answer(quiz, letter) {
    const right = letter === quiz.dataset.right;
    for (const option of quiz.querySelectorAll("button.option")) {
      const chosen = option.dataset.option === letter;
      option.setAttribute("aria-pressed", String(chosen));
      option.classList.toggle("is-right", chosen && right);
      option.classList.toggle("is-wrong", chosen && !right);
    }
    const verdict = quiz.querySelector(".verdict");
    verdict.replaceChildren(make("strong", right ? "is-right" : "is-wrong", right ? "✓ Right." : "✗ Not this one."));
    verdict.append(" ", ...reasonFor(quiz, letter));
    return right;
  }

  function setUpQuiz(quiz, page) {
    for (const item of quiz.querySelectorAll(".options > li")) {
      const option = button("", "option");
      option.dataset.option = item.dataset.option;
      option.setAttribute("aria-pressed", "false");
      option.append(...item.childNodes);
      option.addEventListener("click", () => {
        answer(quiz, option.dataset.option);
        const answers = { ...recall()[page]?.answers, [numberOf(quiz)]: option.dataset.option };
        change(page, { answers, ...score(answers) });
      });
      item.append(option);
    }
    const options = quiz.querySelector(".options");
    options.setAttribute("role", "group");
    options.setAttribute("aria-labelledby", quiz.querySelector(".question").id);
    for (const item of options.children) item.setAttribute("role", "presentation");
    const verdict = make("p", "verdict");
    verdict.setAttribute("role", "status");
    options.after(verdict);
    quiz.querySelector("summary").textContent = "All the reasons";
    const kept = recall()[page]?.answers?.[numberOf(quiz)];
    if (kept && quiz.querySelector(`button[data-option="${kept}"]`)) answer(quiz, kept);
  }

  const numberOf = (quiz) => quiz.id.replace("question-", "");

  function score(answers) {
    const quizzes = [...document.querySelectorAll(".quiz")];
    return { right: quizzes.filter((quiz) => answers[numberOf(quiz)] === quiz.dataset.right).length, of: quizzes.length };
  }

  // --- progress ---

  function showInContents() {
    const progress = recall();
    for (const link of document.querySelectorAll("nav.bd-links a.reference.internal")) {
      const page = new URL(link.href).pathname.match(CHAPTER)?.[0];
      if (!page) continue;
      link.querySelector(".kept")?.remove();
      const { mark, said } = state(progress[page]);
      if (!mark) continue;
      const note = make("span", "kept");
      const seen = make("span", "", ` ${mark}`);
      seen.setAttribute("aria-hidden", "true");
      note.append(seen, make("span", "only-heard", `, ${said}`));
      link.append(note);
    }
  }

  function showOnFrontPage() {
    const place = document.getElementById("course-progress");
    if (!place) return;
    const progress = recall();
    const chapters = new Map();
    for (const link of document.querySelectorAll("nav.bd-links a.reference.internal")) {
      const page = new URL(link.href).pathname.match(CHAPTER)?.[0];
      if (page) chapters.set(page, link);
    }
    const list = make("ul");
    for (const [page, link] of chapters) {
      const item = make("li");
      const to = make("a", "", link.firstChild.textContent.trim());
      to.href = link.href;
      item.append(to, ` – ${state(progress[page]).said}`);
      list.append(item);
    }
    const forget = button("Forget my progress", "course-button");
    forget.addEventListener("click", () => {
      keep({});
      showInContents();
      showOnFrontPage();
      place.querySelector("h2").focus();
    });
    const heading = make("h2", "", "Where you are");
    heading.tabIndex = -1;
    place.replaceChildren(heading);
    if (Object.keys(progress).length) {
      place.append(list, make("p", "", "This is kept in your browser alone. "));
      place.lastChild.append(forget);
    } else {
      place.append(make("p", "", "Answer the questions of a chapter, and this page remembers it, in your browser alone."));
    }
  }

  function setUpChapter(line) {
    const page = line.dataset.page;
    for (const quiz of document.querySelectorAll(".quiz")) setUpQuiz(quiz, page);
    line.append(make("span", "progress-note"));
    const article = line.closest("article");
    const end = make("p", "chapter-end");
    const done = button("", "course-button");
    done.addEventListener("click", () => change(page, { of: score({}).of, read: !recall()[page]?.read }));
    end.append(done);
    (article.querySelector(":scope > section") ?? article).append(end);
    show(page);
  }

  function show(page) {
    const kept = recall()[page];
    const note = document.querySelector(".progress-note");
    if (note) note.textContent = kept ? ` · ${state(kept).said}` : "";
    const done = document.querySelector(".chapter-end button");
    if (done) {
      done.textContent = kept?.read ? "✓ Read; take the mark away" : "Mark this chapter as read";
    }
    showInContents();
  }

  function start() {
    showInContents();
    showOnFrontPage();
    const line = document.querySelector(".chapter-line[data-chapter]");
    if (line) setUpChapter(line);
  }

  // On paper nothing can be unfolded.
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("article details")) fold.open = true;
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
