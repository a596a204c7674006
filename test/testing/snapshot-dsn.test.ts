import { expect } from 'chai';
import { ConfigurationError, engineOptions } from '../../src/index.js';
import { rejection } from '../support/rejection.js';

describe("a snapshot in PGlite's DSN", () => {
  for (const [dsn, message] of [
    ['pglite://memory?snapshot=no%20such%20file.tar', "The DSN's snapshot is not there: no such file.tar"],
    ['pglite://memory?snapshot=50%', 'has a snapshot that cannot be read'],
    ['pglite://memory?snapshot=', 'must be pglite://memory'],
    ['pglite://memory?other=1', 'must be pglite://memory'],
  ] as const) {
    it(`is refused before PGlite is started: ${dsn}`, async () => {
      const error = await rejection(engineOptions({ dsn, poolSize: 1 }));
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(error.message).to.include(message);
    });
  }
});
