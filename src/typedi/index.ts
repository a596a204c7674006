export { type Registrations, registerUnitsOfWork } from './register-units-of-work.js';
