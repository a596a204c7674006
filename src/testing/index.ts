export {
  type CapturedCallbacks,
  type CaptureOptions,
  capturedCallbacks,
} from './captured-callbacks.js';
export { countStatements, type StatementCount } from './count-statements.js';
export { type MochaRootHooks, mochaRootHooks } from './mocha-root-hooks.js';
export { overrideEngine, type SuiteHooks, useEngine } from './override-engine.js';
export { RollbackEngineFactory } from './rollback-engine-factory.js';
export { TestDatabase, type TestDatabaseOptions } from './test-database.js';
export type { RollbackOptions } from './test-enclosure.js';
export { type TestHooks, useRollback } from './use-rollback.js';
