internal import Hummingbird
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/users/…`, `/v2/vectordb/roles/…` and `/v2/vectordb/privilege_groups/…`.
extension MilvusAPI {
  func addAccessRoutes(to group: GuardedRoutes) {
    addUserRoutes(to: group)
    addRoleRoutes(to: group)
    addGrantRoutes(to: group)
    addPrivilegeGroupRoutes(to: group)
  }

  private func addUserRoutes(to group: GuardedRoutes) {
    route("users/create", .administer, type: "PasswordReq", to: group, isInDatabase: false) {
      (try $0.requiredString("userName"), try $0.requiredString("password"), try $0.string("description"))
    } answer: { input, _ in
      try await operations.createUser(input.0, password: input.1, summary: input.2)
      return MilvusAnswer.success()
    }
    route("users/update_password", .administer, type: "NewPasswordReq", to: group, isInDatabase: false) {
      (
        try $0.requiredString("userName"), try $0.requiredString("password"),
        try $0.requiredString("newPassword")
      )
    } answer: { input, _ in
      try await operations.updatePassword(of: input.0, from: input.1, to: input.2, summary: nil)
      return MilvusAnswer.success()
    }
    route("users/drop", .administer, type: "UserReq", to: group, isInDatabase: false) {
      try $0.requiredString("userName")
    } answer: { name, _ in
      try await operations.dropUser(name)
      return MilvusAnswer.success()
    }
    route("users/list", .administer, type: "EmptyReq", to: group, isInDatabase: false) { _ in
    } answer: { _, _ in
      let names = operations.users
      return MilvusAnswer.success { $0.value(strings: names) }
    }
    route("users/describe", .administer, type: "UserReq", to: group, isInDatabase: false) {
      try $0.requiredString("userName")
    } answer: { name, _ in
      let roles = try operations.describeUsers(name).flatMap(\.roles)
      return MilvusAnswer.success { $0.value(strings: roles) }
    }
    for (action, isGiven) in [("grant_role", true), ("revoke_role", false)] {
      route("users/\(action)", .administer, type: "UserRoleReq", to: group, isInDatabase: false) {
        (try $0.requiredString("userName"), try $0.requiredString("roleName"))
      } answer: { input, _ in
        try await operations.setRole(input.1, ofUser: input.0, isGiven)
        return MilvusAnswer.success()
      }
    }
  }

  private func addRoleRoutes(to group: GuardedRoutes) {
    route("roles/create", .administer, type: "RoleReq", to: group, isInDatabase: false) {
      (try $0.requiredString("roleName"), try $0.string("description"))
    } answer: { input, _ in
      try await operations.createRole(input.0, summary: input.1)
      return MilvusAnswer.success()
    }
    route("roles/alter", .administer, type: "RoleReq", to: group, isInDatabase: false) {
      (try $0.requiredString("roleName"), try $0.string("description"))
    } answer: { input, _ in
      try await operations.alterRole(input.0, summary: input.1)
      return MilvusAnswer.success()
    }
    route("roles/drop", .administer, type: "RoleReq", to: group, isInDatabase: false) {
      (try $0.requiredString("roleName"), try $0.fields.bool("forceDrop") ?? false)
    } answer: { input, _ in
      try await operations.dropRole(input.0, force: input.1)
      return MilvusAnswer.success()
    }
    route("roles/list", .administer, type: "EmptyReq", to: group, isInDatabase: false) { _ in
    } answer: { _, _ in
      let names = try operations.describeRoles("").map(\.name)
      return MilvusAnswer.success { $0.value(strings: names) }
    }
    route("roles/describe", .administer, type: "RoleReq", to: group, isInDatabase: false) {
      (try $0.requiredString("roleName"), try $0.string("dbName"))
    } answer: { input, _ in
      let grants = try operations.grants(of: input.0, database: input.1)
      return MilvusAnswer.success { json in
        json.beginArray()
        for grant in grants {
          json.beginObject()
          json.member("dbName", grant.database)
          json.member("grantor", grant.grantor)
          json.member("objectName", grant.name)
          json.member("objectType", grant.object)
          json.member("privilege", grant.privilege)
          json.endObject()
        }
        json.endArray()
      }
    }
  }

  private func addGrantRoutes(to group: GuardedRoutes) {
    for (action, isGranted) in [("grant_privilege", true), ("revoke_privilege", false)] {
      route("roles/\(action)", .administer, type: "GrantReq", to: group, isInDatabase: false) {
        (
          role: try $0.requiredString("roleName"), object: try $0.requiredString("objectType"),
          name: try $0.requiredString("objectName"), privilege: try $0.requiredString("privilege"),
          database: try $0.string("dbName")
        )
      } answer: { input, _ in
        try await operations.grant(
          input.privilege, object: input.object, name: input.name, database: input.database, role: input.role,
          isGranted)
        return MilvusAnswer.success()
      }
      route("roles/\(action)_v2", .administer, type: "GrantV2Req", to: group, isInDatabase: false) {
        (
          role: try $0.requiredString("roleName"), privilege: try $0.requiredString("privilege"),
          collection: try $0.string("collectionName"), database: try $0.string("dbName")
        )
      } answer: { input, _ in
        try await operations.grant(
          input.privilege, collection: input.collection, database: input.database, role: input.role, isGranted
        )
        return MilvusAnswer.success()
      }
    }
  }

  private func addPrivilegeGroupRoutes(to group: GuardedRoutes) {
    let type = "PrivilegeGroupReq"
    let name = "privilegeGroupName"
    route("privilege_groups/create", .administer, type: type, to: group, isInDatabase: false) {
      try $0.requiredString(name)
    } answer: { name, _ in
      try await operations.createPrivilegeGroup(name)
      return MilvusAnswer.success()
    }
    route("privilege_groups/drop", .administer, type: type, to: group, isInDatabase: false) {
      try $0.requiredString(name)
    } answer: { name, _ in
      try await operations.dropPrivilegeGroup(name)
      return MilvusAnswer.success()
    }
    route("privilege_groups/list", .administer, type: "EmptyReq", to: group, isInDatabase: false) { _ in
    } answer: { _, _ in
      let groups = operations.privilegeGroups
      return MilvusAnswer.success { json in
        json.beginObject()
        json.key("privilegeGroups")
        json.beginArray()
        for group in groups {
          json.beginObject()
          json.member(name, group.name)
          // One text, as Milvus has it.
          json.member("privileges", group.privileges.joined(separator: ","))
          json.endObject()
        }
        json.endArray()
        json.endObject()
      }
    }
    for (action, isAdded) in [("add_privileges_to_group", true), ("remove_privileges_from_group", false)] {
      route("privilege_groups/\(action)", .administer, type: type, to: group, isInDatabase: false) {
        (try $0.requiredString(name), try $0.strings("privileges") ?? [])
      } answer: { input, _ in
        try await operations.changePrivilegeGroup(input.0, input.1, isAdded: isAdded)
        return MilvusAnswer.success()
      }
    }
  }
}
