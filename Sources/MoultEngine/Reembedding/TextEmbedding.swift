package import MoultModel
import Synchronization

/// Opens embedders: how a model is reached is not the engine's.
package protocol EmbedderSource: Sendable {
  /// Looks whether an embedder can be used here, and asks it nothing.
  ///
  /// - Throws: `invalidArgument` for a host that the server may not call, a key or a file that is not there.
  func check(_ embedder: Embedder) throws

  /// - Throws: as ``check(_:)``.
  func open(_ embedder: Embedder) throws -> any TextEmbedding
}

/// A model that is ready to be asked.
package protocol TextEmbedding: Sendable {
  /// All that decides what vector a text gets, beside the text: vectors of equal texts and identities are equal.
  var identity: String { get }

  /// Makes vectors of texts: one attempt, in one request.
  ///
  /// - Parameter texts: as they are sent, prefix included; at least one.
  /// - Throws: an `EmbeddingFailure`; `CancellationError`.
  func embed(_ texts: [String]) async throws -> EmbeddingAnswer
}

/// What came back for a request.
package struct EmbeddingAnswer: Sendable {
  package enum Outcome: Sendable, Equatable {
    case vector([Float])
    /// The model has no usable vector for this text, in words.
    case refused(String)
  }

  /// In the order of the texts, one each.
  package var outcomes: [Outcome]
  /// As the model counts them; `nil` where it does not.
  package var tokens: Int?

  package init(outcomes: [Outcome], tokens: Int?) {
    self.outcomes = outcomes
    self.tokens = tokens
  }
}

/// Why an attempt brought no vectors, by what helps.
package enum EmbeddingFailure: Error, Sendable {
  /// Waiting: too many requests, or too many tokens.
  case overloaded(reason: String, retryAfterSeconds: Double?)
  /// Trying again: no answer, a broken one, or the endpoint's own failure.
  case passing(String)
  /// Leaving a text out: one of them, or all together, is nothing that the model takes.
  case refused(String)
  /// Nothing that a job could do.
  case lasting(MoultError)

  /// For a request that is not tried again.
  package var error: MoultError {
    switch self {
    case .overloaded(let reason, _): MoultError(.overloaded, reason)
    case .passing(let reason): MoultError(.unavailable, reason)
    case .refused(let reason): MoultError(.invalidArgument, reason)
    case .lasting(let error): error
    }
  }
}

/// What opens embedders, once the server has named it.
final class EmbedderSlot: Sendable {
  private let slot = Mutex<(any EmbedderSource)?>(nil)

  func set(_ source: any EmbedderSource) { slot.withLock { $0 = source } }

  /// - Throws: `unavailable` where nothing does.
  func source() throws -> any EmbedderSource {
    guard let source = slot.withLock({ $0 }) else {
      throw MoultError(
        .unavailable, "nobody here calls models; start the server with `moult serve --embedder-host HOST`")
    }
    return source
  }
}
