export { openCollection } from './collection.ts'
export { ERROR_BLAME, isModelswarmError, ModelswarmError } from './errors.ts'
export { formatLink, parseLink } from './model/link.ts'
export { createNode } from './node.ts'
export { checkPublishable } from './node/check-publishable.ts'
export { GIVE_UP_SECONDS, LINGER_SECONDS } from './defaults.ts'
export type {
  Collection, CollectionOptions, InspectedFile, InspectedTensor, InspectOptions, Inspection, LingerOptions, ModelFile,
  ModelSummary, Node, NodeOptions, OpenPolicy, PublishedModel, PublishOptions, PulledModel, PullOptions, SwarmState,
  Verification, VerifyOptions
} from './api.ts'
export type { Blame, ErrorCode, ErrorDetails } from './errors.ts'
export type { ByteOrigins, PublishEvent, PullDone, PullEvent, PullProgress } from './events.ts'
export type { Link, LinkPeer } from './model/link.ts'
