// Evaluate the expressions in unfold's templates without `eval`, which this site's content policy refuses.
//
// unfold's pages are driven by Alpine, which compiles each attribute with `new Function`. Alpine lets the
// evaluator be replaced, so here is one that reads the expression itself: literals, names, members, calls,
// the usual operators, assignment, arrow functions with one expression, `if` and `;`. Names are looked up in
// Alpine's scope and then in a short list of the page's own functions; nothing else is within reach.
(() => {
  "use strict";

  const GLOBALS = new Set([
    "theme", "searchForm", "searchDropdown", "searchCommand", "getCurrentTab", "sortRecords", "moveRecords",
    "localStorage",
  ]);
  const FORBIDDEN = new Set(["constructor", "__proto__", "prototype", "__defineGetter__", "__defineSetter__"]);
  const WORDS = new Map([["true", true], ["false", false], ["null", null], ["undefined", undefined]]);
  const TOKEN = /\s*(?:(\d+(?:\.\d+)?)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|([A-Za-z_$][\w$]*)|(===|!==|=>|==|!=|<=|>=|&&|\|\||\?\?|\+\+|--|\+=|-=|[-+*/%<>!=?:.,;()[\]{}]))/y;

  function tokens(source) {
    const found = [];
    TOKEN.lastIndex = 0;
    while (source.slice(TOKEN.lastIndex).trim() !== "") {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(source);
      if (match === null) throw new SyntaxError(`not understood at ${at}: ${source}`);
      const [, number, string, name, sign] = match;
      if (number !== undefined) found.push({ kind: "value", value: Number(number) });
      else if (string !== undefined) found.push({ kind: "value", value: unquote(string) });
      else if (name !== undefined) found.push({ kind: "name", text: name });
      else found.push({ kind: "sign", text: sign });
    }
    return found;
  }

  const unquote = (text) => text.slice(1, -1).replace(/\\(.)/gs, (_, c) => ({ n: "\n", t: "\t" })[c] ?? c);

  const BINARY = [
    ["??"], ["||"], ["&&"], ["===", "!==", "==", "!="], ["<", ">", "<=", ">="], ["+", "-"], ["*", "/", "%"],
  ];
  const APPLY = {
    "===": (a, b) => a === b, "!==": (a, b) => a !== b,
    "==": (a, b) => a == b, "!=": (a, b) => a != b,
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
    "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b,
    "%": (a, b) => a % b,
  };

  // Each method returns a function of the scope.
  class Parser {
    constructor(source) {
      this.source = source;
      this.tokens = tokens(source);
      this.at = 0;
    }

    peek(text, ahead = 0) {
      const token = this.tokens[this.at + ahead];
      return token !== undefined && token.kind !== "value" && token.text === text;
    }

    take(text) {
      if (!this.peek(text)) return false;
      this.at += 1;
      return true;
    }

    need(text) {
      if (!this.take(text)) throw new SyntaxError(`"${text}" is missing in: ${this.source}`);
    }

    name() {
      const token = this.tokens[this.at];
      if (token?.kind !== "name") throw new SyntaxError(`a name is missing in: ${this.source}`);
      this.at += 1;
      return token.text;
    }

    program() {
      const steps = this.statements(() => this.at >= this.tokens.length);
      return (scope) => steps.reduce((_, step) => step(scope), undefined);
    }

    statements(done) {
      const steps = [];
      while (!done()) {
        if (this.take(";")) continue;
        steps.push(this.statement());
        if (!done() && !this.peek(";") && !this.tookBlock) {
          throw new SyntaxError(`not understood: ${this.source}`);
        }
      }
      return steps;
    }

    statement() {
      this.tookBlock = false;
      if (!this.take("if")) return this.expression();
      this.need("(");
      const test = this.expression();
      this.need(")");
      const yes = this.block();
      const no = this.take("else") ? this.block() : () => undefined;
      this.tookBlock = true;
      return (scope) => (test(scope) ? yes(scope) : no(scope));
    }

    block() {
      if (!this.take("{")) return this.statement();
      const steps = this.statements(() => this.peek("}"));
      this.need("}");
      return (scope) => steps.reduce((_, step) => step(scope), undefined);
    }

    expression() {
      const arrow = this.arrow();
      if (arrow !== null) return arrow;
      const left = this.ternary();
      for (const sign of ["=", "+=", "-="]) {
        if (!this.take(sign)) continue;
        if (left.assign === undefined) throw new SyntaxError(`nothing to assign to in: ${this.source}`);
        const right = this.expression();
        return (scope) => {
          const value = sign === "=" ? right(scope) : APPLY[sign[0]](left(scope), right(scope));
          left.assign(scope, value);
          return value;
        };
      }
      return left;
    }

    arrow() {
      const start = this.at;
      const names = [];
      if (this.tokens[this.at]?.kind === "name" && this.peek("=>", 1)) names.push(this.name());
      else if (this.take("(")) {
        while (this.tokens[this.at]?.kind === "name") {
          names.push(this.name());
          if (!this.take(",")) break;
        }
        if (!this.take(")")) {
          this.at = start;
          return null;
        }
      } else return null;
      if (!this.take("=>")) {
        this.at = start;
        return null;
      }
      const body = this.peek("{") ? this.block() : this.expression();
      return (scope) => (...values) =>
        body(inside(scope, Object.fromEntries(names.map((name, i) => [name, values[i]]))));
    }

    ternary() {
      const test = this.binary(0);
      if (!this.take("?")) return test;
      const yes = this.expression();
      this.need(":");
      const no = this.expression();
      return (scope) => (test(scope) ? yes(scope) : no(scope));
    }

    binary(level) {
      if (level === BINARY.length) return this.unary();
      let left = this.binary(level + 1);
      for (;;) {
        const sign = BINARY[level].find((each) => this.peek(each));
        if (sign === undefined) return left;
        this.at += 1;
        const [a, b] = [left, this.binary(level + 1)];
        if (sign === "&&") left = (scope) => a(scope) && b(scope);
        else if (sign === "||") left = (scope) => a(scope) || b(scope);
        else if (sign === "??") left = (scope) => a(scope) ?? b(scope);
        else left = (scope) => APPLY[sign](a(scope), b(scope));
      }
    }

    unary() {
      if (this.take("!")) {
        const value = this.unary();
        return (scope) => !value(scope);
      }
      if (this.take("-")) {
        const value = this.unary();
        return (scope) => -value(scope);
      }
      const value = this.postfix(this.primary());
      for (const [sign, by] of [["++", 1], ["--", -1]]) {
        if (!this.take(sign)) continue;
        if (value.assign === undefined) throw new SyntaxError(`nothing to count in: ${this.source}`);
        return (scope) => {
          const old = value(scope);
          value.assign(scope, old + by);
          return old;
        };
      }
      return value;
    }

    postfix(start) {
      let value = start;
      for (;;) {
        if (this.take(".")) {
          const name = this.name();
          value = member(value, () => name);
        } else if (this.take("[")) {
          const key = this.expression();
          this.need("]");
          value = member(value, key);
        } else if (this.take("(")) {
          value = call(value, this.list(")"));
        } else return value;
      }
    }

    list(end) {
      const items = [];
      while (!this.take(end)) {
        items.push(this.expression());
        if (!this.peek(end)) this.need(",");
      }
      return items;
    }

    primary() {
      const token = this.tokens[this.at];
      if (token?.kind === "value") {
        this.at += 1;
        return () => token.value;
      }
      if (this.take("(")) {
        const value = this.expression();
        this.need(")");
        return value;
      }
      if (this.take("[")) {
        const items = this.list("]");
        return (scope) => items.map((item) => item(scope));
      }
      if (this.take("{")) return this.object();
      const name = this.name();
      return WORDS.has(name) ? () => WORDS.get(name) : named(name);
    }

    object() {
      const entries = [];
      while (!this.take("}")) {
        const token = this.tokens[this.at];
        const key = token?.kind === "value" ? String(token.value) : null;
        if (key !== null) this.at += 1;
        const name = key ?? this.name();
        if (FORBIDDEN.has(name)) throw new SyntaxError(`not allowed: ${name}`);
        entries.push([name, this.take(":") ? this.expression() : named(name)]);
        if (!this.peek("}")) this.need(",");
      }
      return (scope) => Object.fromEntries(entries.map(([name, value]) => [name, value(scope)]));
    }
  }

  function inside(scope, own) {
    return new Proxy(own, {
      has: (target, name) => name in target || name in scope,
      get: (target, name) => (name in target ? target[name] : scope[name]),
      set: (target, name, value) => {
        if (name in target) target[name] = value;
        else scope[name] = value;
        return true;
      },
    });
  }

  function named(name) {
    if (FORBIDDEN.has(name)) throw new SyntaxError(`not allowed: ${name}`);
    const value = (scope) => {
      if (name in scope) return scope[name];
      if (GLOBALS.has(name)) return window[name];
      throw new ReferenceError(`${name} is not defined`);
    };
    value.assign = (scope, next) => {
      scope[name] = next;
    };
    value.owner = (scope) => (name in scope ? scope : undefined);
    return value;
  }

  function member(object, key) {
    const of = (scope) => {
      const name = key(scope);
      if (FORBIDDEN.has(String(name))) throw new TypeError(`not allowed: ${String(name)}`);
      return name;
    };
    const value = (scope) => object(scope)[of(scope)];
    value.assign = (scope, next) => {
      object(scope)[of(scope)] = next;
    };
    value.owner = object;
    return value;
  }

  function call(callee, list) {
    return (scope) => {
      const owner = callee.owner === undefined ? undefined : callee.owner(scope);
      return callee(scope).apply(owner, list.map((item) => item(scope)));
    };
  }

  const known = new Map();

  function compiled(source) {
    let program = known.get(source);
    if (program === undefined) {
      program = new Parser(source).program();
      known.set(source, program);
    }
    return program;
  }

  function evaluator(element, expression) {
    const { Alpine } = window;
    const stack = Alpine.closestDataStack(element);
    const program =
      typeof expression === "function"
        ? null
        : typeof expression === "string"
          ? compiled(expression)
          : () => expression;
    return (receiver = () => {}, { scope = {}, params = [] } = {}) => {
      const whole = Alpine.mergeProxies([scope, ...stack]);
      try {
        let value = program === null ? expression.apply(whole, params) : program(whole);
        if (typeof value === "function" && program !== null) value = value.apply(whole, params);
        if (value instanceof Promise) value.then(receiver);
        else receiver(value);
      } catch (error) {
        console.error(`In "${String(expression)}":`, error, element);
      }
    };
  }

  document.addEventListener("alpine:init", () => window.Alpine.setEvaluator(evaluator));

  // The policy blocks style attributes that are set as text; the same through the style object is allowed.
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (String(name).toLowerCase() === "style" && this.style !== undefined) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };

  // A placeholder is no name: it is gone as soon as one types.
  document.addEventListener("DOMContentLoaded", () => {
    for (const input of document.querySelectorAll("input[placeholder]:not([aria-label])")) {
      if (input.labels?.length === 0) input.setAttribute("aria-label", input.placeholder);
    }
  });

  // htmx would write a style element for its indicators, and compile the filters of its triggers.
  if (window.htmx !== undefined) {
    window.htmx.config.includeIndicatorStyles = false;
    window.htmx.config.allowEval = false;
    window.htmx.config.allowScriptTags = false;
  }
})();
