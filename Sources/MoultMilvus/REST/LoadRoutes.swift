internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Loading, releasing and flushing: everything is in place and every write durable, so a release only closes the
/// door to searches.
extension MilvusAPI {
  func addLoadRoutes(to group: GuardedRoutes) {
    for (action, isLoaded) in [("load", true), ("refresh_load", true), ("release", false)] {
      route("collections/\(action)", .write, type: "CollectionNameReq", to: group) {
        try CollectionNameRequest(&$0)
      } answer: { input, _ in
        let info = try await operations.setLoaded(input.collection, isLoaded)
        return MilvusAnswer.success(servedBy: info.servedBy)
      }
    }
    route("collections/flush", .write, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let collection = try operations.describe(input.collection)
      try await operations.catchUpIndex(of: collection)
      return MilvusAnswer.success(servedBy: collection.info.servedBy)
    }
    route("collections/get_load_state", .read, type: "CollectionNameReq", to: group) {
      (try CollectionNameRequest(&$0), try $0.strings("partitionNames") ?? [])
    } answer: { input, _ in
      let collection = try operations.describe(input.0.collection)
      let isLoaded = try operations.isLoaded(input.1, of: collection)
      let state = isLoaded || !collection.info.ready ? collection.loadState : "LoadStateNotLoad"
      return MilvusAnswer.success(message: "", servedBy: collection.info.servedBy) { json in
        json.beginObject()
        if state == "LoadStateLoaded" { json.member("loadProgress", 100) }
        json.member("loadState", state)
        json.endObject()
      }
    }
  }
}
