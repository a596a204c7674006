/** Where something begins that can hide a semicolon, or where one is. */
const MARK = /['"$;]|--|\/\*/g;
const DOLLAR_QUOTE = /\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/iy;
const IN_IDENTIFIER = /[\w$\u0080-\uffff]/;
/** While it takes COPY's data, the server doesn't understand the other statements of a batch. */
const COPY = /copy\b/iy;
const SPACE = /\s*/y;

/** Whether a statement can travel with others in one batch. */
export const canBeJoined = (sql: string): boolean => isSingleStatement(sql) && !beginsWith(COPY, sql);

/** Whether this is what a statement begins with, after spaces and comments. The pattern is a sticky one. */
const beginsWith = (pattern: RegExp, sql: string): boolean => {
  let from = 0;
  for (;;) {
    SPACE.lastIndex = from;
    SPACE.test(sql);
    from = SPACE.lastIndex;
    const start = sql.slice(from, from + 2);
    if (start !== '--' && start !== '/*') {
      pattern.lastIndex = from;
      return pattern.test(sql);
    }
    from = start === '--' ? endOfLine(sql, from) : endOfComment(sql, from);
    if (from < 0) {
      return false;
    }
  }
};

/**
 * Whether a text certainly holds one statement, so that it can be sent with Parse. In doubt (an unfinished quote, a
 * backslash in a plain literal, whose meaning depends on a setting) the answer is no, which costs a round trip at most.
 */
const isSingleStatement = (sql: string): boolean => {
  if (!sql.includes(';')) {
    return true;
  }
  const mark = new RegExp(MARK);
  let ended = false;
  let from = 0;
  for (let found = mark.exec(sql); found; found = mark.exec(sql)) {
    const [text] = found;
    if (ended && sql.slice(from, found.index).trim() !== '') {
      return false;
    }
    const isComment = text === '--' || text === '/*';
    if (ended && !isComment && text !== ';') {
      return false;
    }
    ended ||= text === ';';
    from = endOf(sql, text, found.index);
    if (from < 0) {
      return false;
    }
    mark.lastIndex = from;
  }
  return !ended || sql.slice(from).trim() === '';
};

/** Where what begins at `start` ends; negative where that's in doubt. */
const endOf = (sql: string, text: string, start: number): number => {
  switch (text) {
    case "'":
      return endOfLiteral(sql, start);
    case '"':
      return sql.indexOf('"', start + 1) + 1 || -1;
    case '$':
      return endOfDollarQuote(sql, start);
    case '--':
      return endOfLine(sql, start);
    case '/*':
      return endOfComment(sql, start);
    default:
      return start + 1;
  }
};

/** A doubled quote ends one literal here and begins another, which comes to the same. */
const endOfLiteral = (sql: string, start: number): number => {
  const hasEscapes = /e/i.test(sql.charAt(start - 1)) && !IN_IDENTIFIER.test(sql.charAt(start - 2));
  if (!hasEscapes) {
    const end = sql.indexOf("'", start + 1);
    return end < 0 || sql.slice(start, end).includes('\\') ? -1 : end + 1;
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
};

const endOfDollarQuote = (sql: string, start: number): number => {
  const quote = new RegExp(DOLLAR_QUOTE);
  quote.lastIndex = start;
  const [tag] = quote.exec(sql) ?? [];
  if (tag === undefined || IN_IDENTIFIER.test(sql.charAt(start - 1))) {
    return start + 1;
  }
  const end = sql.indexOf(tag, start + tag.length);
  return end < 0 ? -1 : end + tag.length;
};

const endOfLine = (sql: string, start: number): number => {
  const mark = /[\n\r]/g;
  mark.lastIndex = start;
  return mark.exec(sql)?.index ?? sql.length;
};

/** Comments nest. */
const endOfComment = (sql: string, start: number): number => {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let found = mark.exec(sql); found; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) {
      return mark.lastIndex;
    }
  }
  return -1;
};
