/** What can hide a semicolon: comments, quoted identifiers, string literals with and without escapes, dollar quotes. */
const TOKEN =
  /--[^\n\r]*|"(?:[^"]|"")*"|(?<![\w$\u0080-\uffff])[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^'\\]|'')*'|(?<![\w$\u0080-\uffff])\$(?:[a-zA-Z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[;'"]|\/\*/g;

/** Where the block comment that begins at `start` ends; comments nest. */
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

/**
 * Whether a text certainly holds one statement, so that it can be sent with Parse. In doubt (an unfinished quote, a
 * backslash in a plain literal, whose meaning depends on a setting) the answer is no, which costs a round trip and
 * nothing else.
 */
export const isSingleStatement = (sql: string): boolean => {
  if (!sql.includes(';')) {
    return true;
  }
  const token = new RegExp(TOKEN);
  let ended = false;
  let from = 0;
  for (let found = token.exec(sql); found; found = token.exec(sql)) {
    const text = found[0];
    const between = sql.slice(from, found.index);
    if (ended && between.trim() !== '') {
      return false;
    }
    if (text === ';') {
      ended = true;
    } else if (text === "'" || text === '"') {
      return false;
    } else if (text === '/*') {
      const end = endOfComment(sql, found.index);
      if (end < 0) {
        return false;
      }
      token.lastIndex = end;
    } else if (!text.startsWith('--')) {
      if (ended) {
        return false;
      }
      if (text.startsWith('$')) {
        const close = sql.indexOf(text, token.lastIndex);
        if (close < 0) {
          return false;
        }
        token.lastIndex = close + text.length;
      }
    }
    from = token.lastIndex;
  }
  return !ended || sql.slice(from).trim() === '';
};

/** While it takes COPY's data, the server doesn't understand the other statements of a batch. */
const COPY_IN = /\bcopy\b[^]*\bfrom\s+stdin\b/i;

/** Whether a statement can travel with others in one batch. */
export const canBeJoined = (sql: string): boolean => isSingleStatement(sql) && !COPY_IN.test(sql);
