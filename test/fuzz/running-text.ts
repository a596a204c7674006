const hidden =
  /(?<![\w$])[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([a-zA-Z_]\w*)?\$[\s\S]*?\$\1\$/g;

/** What of an SQL text is code: without what stands in literals and in quoted names. Comments are code, to be strict. */
export const runningText = (sql: string): string => sql.replace(hidden, ' ? ');
