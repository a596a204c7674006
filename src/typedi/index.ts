export {
  registerSyncUnitsOfWork,
  type SyncContainer,
  type SyncRegistrations,
} from '../sync/register-sync-units-of-work.js';
export { type Registrations, registerUnitsOfWork } from './register-units-of-work.js';
