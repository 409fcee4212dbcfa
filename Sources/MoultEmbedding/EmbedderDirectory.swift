internal import AsyncHTTPClient
package import MoultEngine
package import MoultModel
internal import NIOCore

/// Opens embedders: endpoints at hosts that may be called, and files of one folder.
package final class EmbedderDirectory: EmbedderSource {
  private let hosts: EmbedderHosts
  private let folder: EmbedderFolder
  private let http: HTTPClient

  /// - Parameters:
  ///   - hosts: that may be called.
  ///   - folder: of keys and files of vectors; `nil` allows none.
  package init(hosts: EmbedderHosts, folder: String?) {
    self.hosts = hosts
    self.folder = EmbedderFolder(path: folder)
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.decompression = .disabled
    configuration.timeout.connect = .seconds(10)
    configuration.connectionPool.idleTimeout = .seconds(30)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  package func shutdown() async { try? await http.shutdown() }

  package func check(_ embedder: Embedder) throws { _ = try opened(embedder, readsFiles: false) }

  package func open(_ embedder: Embedder) throws -> any TextEmbedding {
    try opened(embedder, readsFiles: true)!
  }

  private func opened(_ embedder: Embedder, readsFiles: Bool) throws -> (any TextEmbedding)? {
    try embedder.validate()
    if let vectors = embedder.vectors, let ids = embedder.ids {
      let paths = (try folder.resolve(vectors), try folder.resolve(ids))
      return readsFiles ? try VectorFileEmbedding(embedder, vectors: paths.0, ids: paths.1) : nil
    }
    guard let url = embedder.url, let model = embedder.model else { return nil }
    let (scheme, host) = try hosts.check(url)
    let key = try folder.key(of: embedder)
    guard key == nil || scheme == "https" || EmbedderHosts.isLocal(host) else {
      throw MoultError(
        .invalidArgument,
        "embedder '\(embedder.name)' would send its key to \(host) unencrypted; use https, or no key")
    }
    return EndpointEmbedding(embedder: embedder, url: url, model: model, key: key, http: http)
  }
}
