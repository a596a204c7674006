export { overrideEngine, type SuiteHooks, useEngine } from './override-engine.js';
export { RollbackEngineFactory } from './rollback-engine-factory.js';
export { type TestHooks, useRollback } from './use-rollback.js';
