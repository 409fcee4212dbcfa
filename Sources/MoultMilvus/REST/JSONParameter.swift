internal import MoultServer

/// Parameters that clients write as numbers, booleans or texts are kept as text.
enum JSONParameter {
  static func text(_ json: JSON) -> String {
    if let text = json.string { return text }
    var writer = JSONWriter()
    writer.value(json)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  static func list(_ fields: RequestFields?) -> [CollectionDefinition.Parameter] {
    (fields?.object.members ?? []).map { .init(key: $0.key, value: text($0.value)) }
  }
}
