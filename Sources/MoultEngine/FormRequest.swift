import MoultModel

/// What requests for a job that gives another form have in common.
protocol FormRequest: Sendable {
  var specification: EncodingSpecification { get }
  var gate: RecallGateRequest { get }
  var priority: Int { get }
  var swapAt: Int64? { get }
  var limits: JobLimits { get }
  var after: [Int64] { get }
  /// Queries whose right answers are known.
  var labelledQueries: [LabelledQuery] { get }
}

extension FormRequest {
  var labelledQueries: [LabelledQuery] { [] }
}

extension SwitchRequest: FormRequest {}
extension ReindexRequest: FormRequest {}
extension ReembedRequest: FormRequest {}

/// What a job is told to do, and may be told anew while it runs: its limits.
protocol LimitedArguments: Codable, Sendable {
  var limits: JobLimits? { get set }
  var specification: EncodingSpecification { get }
}

extension SwitchJob.Arguments: LimitedArguments {}
extension ReindexJob.Arguments: LimitedArguments {}
