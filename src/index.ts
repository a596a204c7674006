export { engineOptions } from './config/engine-options.js';
export { type PostgresConfig, postgresConfig } from './config/postgres-config.js';
export { MikroOrmConnectionProxy } from './connection/connection-proxy.js';
export { type EngineOptions, type EngineState, MikroOrmEngineFactory } from './engine/engine-factory.js';
export type { OpenUnitState } from './engine/open-units.js';
export {
  AfterCommitError,
  CommitOutcomeUnknownError,
  ConfigurationError,
  EntityNotFoundError,
  PoolTimeoutError,
  TransactionAbortedError,
  UnitOfWorkClosedError,
  UnitOfWorkError,
  type UnitStatus,
} from './errors.js';
export type { BaseRepository } from './interfaces/base-repository.js';
export type { BaseUnitOfWork } from './interfaces/base-unit-of-work.js';
export type { ConnectionProxy } from './interfaces/connection-proxy.js';
export type { EngineFactory } from './interfaces/engine-factory.js';
export type { CommitMessage, ConnectionMessage, RetryMessage } from './observability/events.js';
export type { StatementMessage } from './observability/statements.js';
export type { UnitMessage } from './observability/units.js';
export type { PoolState } from './postgres/pool/pool-state.js';
export type { ServerFeature } from './postgres/pool/server-features.js';
export type { ReplicaState } from './postgres/replicas/replica-set.js';
export type { BatchOptions, StreamOptions } from './repository/paging/large.js';
export type { PageEnd, PageOptions, PageStart } from './repository/paging/page.js';
export type { Row, RowField, RowsOptions } from './repository/reading/rows.js';
export { MikroOrmRepository } from './repository/repository.js';
export type { BulkOptions } from './repository/statements/bulk-write.js';
export type { UpsertRowOptions, UpsertRowsOptions } from './repository/statements/upsert-rows.js';
export type { InputLimits } from './repository/validation/limits.js';
export { type Only, only } from './repository/validation/only.js';
export type { OnlyOperator, OnlyOperators, OnlyOptions } from './repository/validation/only-operators.js';
export { type OnlyOrder, onlyOrder } from './repository/validation/only-order.js';
export type { ConstraintDetails } from './session/constraint-details.js';
export type { ActiveUnit, OpenUnitOfWork } from './unit-of-work/active-unit.js';
export { InUnitOfWork, type InUnitOfWorkDecorator } from './unit-of-work/in-unit-of-work.js';
export type { RetryOptions, UnitOfWorkOptions, UnitSessionContext, UnitTimeouts } from './unit-of-work/options.js';
export type { Repositories, RepositoryClass } from './unit-of-work/repositories.js';
export { signalOf } from './unit-of-work/signal-of.js';
export { MikroOrmUnitOfWork, type UnitOfWorkClass } from './unit-of-work/unit-of-work.js';
