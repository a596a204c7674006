/** The PostgreSQL server of this test run, by the address of its maintenance database. */
export function serverUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (!url) {
    throw new Error('There is no test server: mocha has to load dist/test/support/postgres.js, as .mocharc.cjs says');
  }
  return url;
}
