export { openSync, type SyncOptions } from './open-sync.js';
export { registerSyncUnitsOfWork, type SyncContainer, type SyncRegistrations } from './register-sync-units-of-work.js';
export { SyncModule } from './sync-module.js';
export type {
  Frozen,
  Known,
  Plain,
  PlainCursor,
  SyncConnectionProxy,
  SyncRepository,
  SyncSession,
  SyncUnit,
  SyncUnitOfWork,
  SyncUnitOfWorkOptions,
} from './types.js';
