internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Loading, releasing and flushing: every collection is loaded and every write durable, so these only say so.
extension MilvusAPI {
  func addLoadRoutes(to group: RouterGroup<Context>) {
    for action in ["load", "release", "flush", "refresh_load"] {
      route("collections/\(action)", type: "CollectionNameReq", to: group) {
        try CollectionNameRequest(&$0)
      } answer: { input, _ in
        let info = try engine.describeCollection(input.collection)
        return MilvusAnswer.success(servedBy: info.servedBy)
      }
    }
    route("collections/get_load_state", type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let info = try engine.describeCollection(input.collection)
      return MilvusAnswer.success(message: "", servedBy: info.servedBy) { json in
        json.beginObject()
        if info.ready { json.member("loadProgress", 100) }
        json.member("loadState", info.ready ? "LoadStateLoaded" : "LoadStateLoading")
        json.endObject()
      }
    }
  }
}
