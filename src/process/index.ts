/** Participants in processes of their own. See docs/concepts/network.md. */
export type { CreateParticipant, PluginContext, PluginParticipant } from './plugin-contract.js';
