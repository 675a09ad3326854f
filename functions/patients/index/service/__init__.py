"""The patient index for other modules: the only door besides gates.

patient = patients.access_patient(tx, patient_id)     # the survivor, one round trip
ids = patients.group_ids(tx, patient_id)              # filter lists "by patient" with all of them
"""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.patients.index.queries.care import LogEntry
    from functions.patients.index.queries.holding import NumberHolder
    from functions.patients.index.queries.people import PatientInfo
    from functions.patients.index.schemas.care import ConsentKind, EndFact, GiveConsent, RelateInput
    from functions.patients.index.schemas.people import (
        BindIdentifier,
        CreateNewborn,
        DocumentRead,
        GuardianRead,
        IdentifierRead,
        PatientView,
        RecordDeath,
        RegisterPatient,
        RegisterUndocumented,
        RegisterUnidentified,
        RelationView,
    )
    from functions.patients.index.schemas.values import IdentifierType, ReadBy, RelationKind
    from functions.patients.index.service.access import (
        access_log,
        break_glass,
        end_record_access,
        extend_record_access,
        grant_record_access,
        grants,
        log_views,
        may_read_record,
        openings,
        review_opening,
        set_confidentiality,
    )
    from functions.patients.index.service.checking import check_identity, checks
    from functions.patients.index.service.correct import (
        confirm_correction,
        correct_patient,
        pending_correction,
        reject_correction,
    )
    from functions.patients.index.service.dispute import open_dispute, settle_dispute
    from functions.patients.index.service.duplicates import mark_not_same, pair_details, pairs, propose_pair
    from functions.patients.index.service.exchange import (
        cross_reference,
        demographics_of,
        query_demographics,
        take_feed,
    )
    from functions.patients.index.service.finding import find, resolve_many
    from functions.patients.index.service.identifiers import (
        bind_identifier,
        replace_identifier,
        report_lost,
        revoke_identifier,
    )
    from functions.patients.index.service.merge import confirm_merge, merge_patients, reject_merge
    from functions.patients.index.service.own import (
        give_own_consent,
        own_access_log,
        own_consents,
        own_view,
        withdraw_own_consent,
    )
    from functions.patients.index.service.prints import blank_wristbands, wristband
    from functions.patients.index.service.read import (
        access_patient,
        banner,
        details,
        group_ids,
        history,
        identity_disputed,
        printed_name,
        resolve,
        resolve_numbers,
        view,
    )
    from functions.patients.index.service.register import (
        create_newborn,
        register_patient,
        register_undocumented,
        register_unidentified,
    )
    from functions.patients.index.service.relating import (
        consents,
        end_relation,
        give_consent,
        guardians,
        has_consent,
        relate,
        relations,
        withdraw_consent,
    )
    from functions.patients.index.service.safety import (
        end_alert,
        record_alert,
        record_allergy,
        refute_allergy,
        state_blood_group,
    )
    from functions.patients.index.service.unmerge import merges_of, records_since, unmerge_patients
    from functions.patients.index.service.verify import record_death, reverse_death, verify_identity
    from functions.patients.index.service.views import age_text

__all__ = [
    "BindIdentifier",
    "ConsentKind",
    "CreateNewborn",
    "DocumentRead",
    "EndFact",
    "GiveConsent",
    "GuardianRead",
    "IdentifierRead",
    "IdentifierType",
    "LogEntry",
    "NumberHolder",
    "PatientInfo",
    "PatientView",
    "ReadBy",
    "RecordDeath",
    "RegisterPatient",
    "RegisterUndocumented",
    "RegisterUnidentified",
    "RelateInput",
    "RelationKind",
    "RelationView",
    "access_log",
    "access_patient",
    "age_text",
    "banner",
    "bind_identifier",
    "blank_wristbands",
    "break_glass",
    "check_identity",
    "checks",
    "confirm_correction",
    "confirm_merge",
    "consents",
    "correct_patient",
    "create_newborn",
    "cross_reference",
    "demographics_of",
    "details",
    "end_alert",
    "end_record_access",
    "end_relation",
    "extend_record_access",
    "find",
    "give_consent",
    "give_own_consent",
    "grant_record_access",
    "grants",
    "group_ids",
    "guardians",
    "has_consent",
    "history",
    "identity_disputed",
    "log_views",
    "mark_not_same",
    "may_read_record",
    "merge_patients",
    "merges_of",
    "open_dispute",
    "openings",
    "own_access_log",
    "own_consents",
    "own_view",
    "pair_details",
    "pairs",
    "pending_correction",
    "printed_name",
    "propose_pair",
    "query_demographics",
    "record_alert",
    "record_allergy",
    "record_death",
    "records_since",
    "refute_allergy",
    "register_patient",
    "register_undocumented",
    "register_unidentified",
    "reject_correction",
    "reject_merge",
    "relate",
    "relations",
    "replace_identifier",
    "report_lost",
    "resolve",
    "resolve_many",
    "resolve_numbers",
    "reverse_death",
    "review_opening",
    "revoke_identifier",
    "set_confidentiality",
    "settle_dispute",
    "state_blood_group",
    "take_feed",
    "unmerge_patients",
    "verify_identity",
    "view",
    "withdraw_consent",
    "withdraw_own_consent",
    "wristband",
]

__getattr__ = loaded_on_use(__name__)
