/** One statement of a text, as far as its words tell what it does. */
export interface Statement {
  /**
   * The tokens that it begins with: words in lower case, names without their quotes, `'` for a literal, other characters
   * one by one. All of them where the statement's kind asks for it.
   */
  readonly tokens: readonly string[];
  /** Where it ends depends on a setting (a backslash in a plain literal), or something in it never ends. */
  readonly inDoubt: boolean;
}

/** How many tokens are read of a statement whose kind shows in its first ones. */
const HEAD = 6;
/** Kinds of statements of which all tokens are looked at. */
const READ_WHOLE: readonly (string | undefined)[] = ['set', 'reset', 'copy'];
/** What PostgreSQL takes for space, comments aside. */
const SPACE = /[ \t\n\r\f\v]+/y;
const WORD = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iy;
const IN_WORD = /[\w$\u0080-\uffff]/;
const DOLLAR_QUOTE = /\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/iy;
/** Where something begins that can hide a semicolon, or where one is. */
const MARK = /['"$;]|--|\/\*/g;
/** The same, and words. */
const MARK_OR_WORD = /['"$;]|--|\/\*|[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/gi;
const LINE_END = /[\n\r]/g;

/** Reads a text of SQL from statement to statement, in one go: the time that it takes grows with the text's length alone. */
export class Lexer {
  readonly #sql: string;
  #at = 0;
  #inDoubt = false;

  constructor(sql: string) {
    this.#sql = sql;
  }

  /** The first statement, without looking for its end. */
  first(): Statement {
    return { tokens: this.#head(), inDoubt: this.#inDoubt };
  }

  /** The statements, empty ones included. */
  *statements(): Generator<Statement> {
    do {
      this.#inDoubt = false;
      const tokens = this.#head();
      this.#skipRest(tokens);
      yield { tokens, inDoubt: this.#inDoubt };
    } while (this.#at < this.#sql.length);
  }

  #head(): string[] {
    const tokens: string[] = [];
    while (this.#at < this.#sql.length && (tokens.length < HEAD || READ_WHOLE.includes(tokens[0]))) {
      const token = this.#token();
      if (token === ';') {
        this.#at -= 1;
        break;
      }
      if (token !== undefined) {
        tokens.push(token);
      }
    }
    return tokens;
  }

  /** The next token; undefined for space and comments. */
  #token(): string | undefined {
    const start = this.#at;
    const rest = (pattern: RegExp): string | undefined => {
      pattern.lastIndex = start;
      const [text] = pattern.exec(this.#sql) ?? [];
      this.#at += text?.length ?? 0;
      return text;
    };
    if (rest(SPACE) !== undefined) {
      return undefined;
    }
    const word = rest(WORD);
    if (word !== undefined) {
      return word.toLowerCase();
    }
    const two = this.#sql.slice(start, start + 2);
    const mark = two === '--' || two === '/*' ? two : two.charAt(0);
    this.#skip(mark, start);
    switch (mark) {
      case '--':
      case '/*':
        return undefined;
      case '"':
        return this.#sql.slice(start + 1, this.#at - 1).toLowerCase();
      case '$':
        return this.#at > start + 1 ? "'" : mark;
      default:
        return mark;
    }
  }

  /** Goes on behind the semicolon that ends the statement. */
  #skipRest([first, ...tokens]: readonly string[]): void {
    const [kind] = tokens[0] === 'or' ? tokens.slice(2) : tokens;
    if (first === 'create' && (kind === 'function' || kind === 'procedure')) {
      this.#skipRoutine();
      return;
    }
    MARK.lastIndex = this.#at;
    for (let found = MARK.exec(this.#sql); found; found = MARK.exec(this.#sql)) {
      this.#skip(found[0], found.index);
      if (found[0] === ';') {
        return;
      }
      MARK.lastIndex = this.#at;
    }
    this.#at = this.#sql.length;
  }

  /** The body of a routine may be statements, each with a semicolon, between BEGIN ATOMIC and END. */
  #skipRoutine(): void {
    let depth = 0;
    let last = '';
    MARK_OR_WORD.lastIndex = this.#at;
    for (let found = MARK_OR_WORD.exec(this.#sql); found; found = MARK_OR_WORD.exec(this.#sql)) {
      const [text] = found;
      if (IN_WORD.test(text.charAt(0)) && text !== '$') {
        const word = text.toLowerCase();
        if ((word === 'atomic' && last === 'begin') || (word === 'case' && depth > 0)) {
          depth += 1;
        } else if (word === 'end' && depth > 0) {
          depth -= 1;
        }
        last = word;
      } else {
        this.#skip(text, found.index);
        if (text === ';' && depth === 0) {
          return;
        }
        MARK_OR_WORD.lastIndex = this.#at;
      }
    }
    this.#at = this.#sql.length;
  }

  /** Goes on behind what begins with `mark`. */
  #skip(mark: string, start: number): void {
    const end = this.#endOf(mark, start);
    this.#inDoubt ||= end < 0;
    this.#at = end < 0 ? this.#sql.length : end;
  }

  /** Where what begins at `start` ends; negative where it doesn't. */
  #endOf(mark: string, start: number): number {
    switch (mark) {
      case "'":
        return this.#endOfLiteral(start);
      case '"':
        return this.#sql.indexOf('"', start + 1) + 1 || -1;
      case '$':
        return this.#endOfDollarQuote(start);
      case '--':
        LINE_END.lastIndex = start;
        return LINE_END.exec(this.#sql)?.index ?? this.#sql.length;
      case '/*':
        return this.#endOfComment(start);
      default:
        return start + 1;
    }
  }

  /** A doubled quote ends one literal here and begins another, which comes to the same. */
  #endOfLiteral(start: number): number {
    const sql = this.#sql;
    const hasEscapes = /e/i.test(sql.charAt(start - 1)) && !IN_WORD.test(sql.charAt(start - 2));
    if (!hasEscapes) {
      const end = sql.indexOf("'", start + 1);
      this.#inDoubt ||= end >= 0 && sql.slice(start, end).includes('\\');
      return end + 1 || -1;
    }
    const mark = /\\|''?/g;
    mark.lastIndex = start + 1;
    for (let found = mark.exec(sql); found; found = mark.exec(sql)) {
      if (found[0] === "'") {
        return mark.lastIndex;
      }
      mark.lastIndex += found[0] === '\\' ? 1 : 0;
    }
    return -1;
  }

  #endOfDollarQuote(start: number): number {
    DOLLAR_QUOTE.lastIndex = start;
    const [tag] = DOLLAR_QUOTE.exec(this.#sql) ?? [];
    if (tag === undefined || IN_WORD.test(this.#sql.charAt(start - 1))) {
      return start + 1;
    }
    const end = this.#sql.indexOf(tag, start + tag.length);
    return end < 0 ? -1 : end + tag.length;
  }

  /** Comments nest. */
  #endOfComment(start: number): number {
    const mark = /\/\*|\*\//g;
    mark.lastIndex = start;
    let depth = 0;
    for (let found = mark.exec(this.#sql); found; found = mark.exec(this.#sql)) {
      depth += found[0] === '/*' ? 1 : -1;
      if (depth === 0) {
        return mark.lastIndex;
      }
    }
    return -1;
  }
}
