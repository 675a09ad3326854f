# What the configuration refuses and what it makes, without a cluster.

mock_provider "kubernetes" {}
mock_provider "helm" {}

variables {
  kubeconfig = "/dev/null"
  image      = "registry.his.internal/consortium-his@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  settings   = { HIS_KEYCLOAK_URL = "https://his.example.org", HIS_HOST_URL = "https://his.example.org" }
  head       = "hq"
  campuses = {
    hq = {
      letter      = "H"
      name        = "县人民医院"
      short_name  = "总院"
      price_level = "tertiary"
      address     = "健康路1号"
      founders    = [{ staff_no = "10046", name = "张小文", posts = ["consortium_admin"] }]
    }
  }
  passwords = {
    postgres           = "p"
    his_owner          = "p"
    his_app            = "a/b c"
    his_worker         = "p"
    his_auditor        = "p"
    keycloak_admin     = "p"
    keycloak_directory = "p"
    column_keys        = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    s3_access_key      = "p"
    s3_secret_key      = "p"
  }
}

run "one_campus" {
  command = plan
  assert {
    condition     = length(module.campus) == 0
    error_message = "The head hospital is not one of the others."
  }
  assert {
    condition     = join(" ", output.campuses) == "hq"
    error_message = "The head hospital is missing."
  }
}

run "data_are_locked_by_default" {
  command = plan
  assert {
    condition     = length(module.protection.locked) == 2
    error_message = "Without a word about it, data can be deleted."
  }
}

run "a_third_campus_is_one_entry" {
  command = plan
  variables {
    campuses = {
      hq = {
        letter      = "H"
        name        = "县人民医院"
        short_name  = "总院"
        price_level = "tertiary"
        address     = "健康路1号"
        founders    = [{ staff_no = "10046", name = "张小文", posts = ["consortium_admin"] }]
      }
      mch = {
        letter      = "M"
        name        = "县妇幼保健院"
        short_name  = "妇幼分院"
        price_level = "secondary"
        address     = "幸福路18号"
        founders    = [{ staff_no = "20022", name = "黄鹏", posts = ["campus_admin"] }]
      }
      tcm = {
        letter      = "T"
        name        = "县中医院"
        short_name  = "中医院"
        price_level = "secondary"
        address     = "建中东路56号"
        founders    = [{ staff_no = "30001", name = "覃志明", posts = ["campus_admin"] }]
      }
    }
  }
  assert {
    condition     = join(" ", keys(module.campus)) == "mch tcm"
    error_message = "Every other campus is one module."
  }
  assert {
    condition     = join(" ", output.campuses) == "hq mch tcm"
    error_message = "The output names every campus."
  }
}

run "an_image_without_a_digest" {
  command = plan
  variables {
    image = "registry.his.internal/consortium-his:latest"
  }
  expect_failures = [var.image]
}

run "a_secret_among_the_settings" {
  command = plan
  variables {
    settings = { HIS_S3_SECRET_KEY = "x" }
  }
  expect_failures = [var.settings]
}

run "two_campuses_with_one_letter" {
  command = plan
  variables {
    campuses = {
      hq = {
        letter      = "H"
        name        = "a"
        short_name  = "a"
        price_level = "tertiary"
        address     = "a"
        founders    = [{ staff_no = "1", name = "a", posts = ["consortium_admin"] }]
      }
      mch = {
        letter      = "H"
        name        = "b"
        short_name  = "b"
        price_level = "secondary"
        address     = "b"
        founders    = [{ staff_no = "2", name = "b", posts = ["campus_admin"] }]
      }
    }
  }
  expect_failures = [var.campuses]
}

run "a_campus_nobody_can_sign_on_at" {
  command = plan
  variables {
    campuses = {
      hq = {
        letter      = "H"
        name        = "a"
        short_name  = "a"
        price_level = "tertiary"
        address     = "a"
        founders    = []
      }
    }
  }
  expect_failures = [var.campuses]
}

run "unknown_protection" {
  command = plan
  variables {
    protection = "perhaps"
  }
  expect_failures = [var.protection]
}

run "an_account_nobody_reads" {
  command = plan
  variables {
    accounts = { his-recipts = { HIS_RECEIPTS_KEY = "p" } }
  }
  expect_failures = [var.accounts]
}

run "services_elsewhere_get_their_names" {
  command = plan
  variables {
    data_services = "outside"
    protection    = "none"
    outside = {
      postgres = { address = "10.0.0.5", port = 15432 }
      storage  = { address = "10.0.0.5", port = 19000 }
    }
  }
  assert {
    condition     = join(" ", module.data.names) == "postgres storage"
    error_message = "A service outside has no name."
  }
}

run "events_are_kept_by_servers_that_know_each_other" {
  command = plan
  assert {
    condition     = join(" ", module.secrets.broker) == "his-data/nats knative-eventing/nats-client"
    error_message = "A certificate of JetStream is missing, or lies in the wrong namespace."
  }
}

run "no_certificates_where_the_data_services_are_elsewhere" {
  command = plan
  variables {
    data_services = "outside"
    outside = {
      postgres = { address = "192.0.2.1", port = 5432 }
      pooler   = { address = "192.0.2.1", port = 5432 }
      storage  = { address = "192.0.2.1", port = 9000 }
      keycloak = { address = "192.0.2.1", port = 8080 }
    }
  }
  assert {
    condition     = length(module.secrets.broker) == 0
    error_message = "There is no JetStream to have a certificate."
  }
}

run "the_channel_comes_after_eventing" {
  command = plan
  variables {
    charts = { knative = { serving = "serving", kourier = "kourier", eventing = "eventing", natss = "natss" } }
  }
  assert {
    condition     = join(" ", module.knative.last) == "natss"
    error_message = "The channel's chart needs what Eventing's defines."
  }
}
