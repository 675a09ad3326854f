"""Sign-on (统一身份认证及单点登录): keeps the realm equal to organisation, permissions and the patient index."""

from events.organisation import (
    CampusOpened,
    DelegationEnded,
    DelegationStarted,
    PostAssigned,
    PostEnded,
    SecondmentEnded,
    SecondmentStarted,
    StaffChanged,
    StaffJoined,
    StaffLeft,
)
from events.patients import ConsentChanged, PatientsMerged, PatientsUnmerged
from events.platform import (
    ExtraScopeEnded,
    ExtraScopeGranted,
    MessageAsked,
    StaffFrozen,
    StaffUnfrozen,
    TemplateChanged,
)
from functions.platform.sso import api, service
from shared.function import FunctionApp, Scaling, Trust

app = FunctionApp(
    "platform/sso",
    module=42,
    title="统一身份认证及单点登录",
    router=api.router,
    on={
        CampusOpened: service.campus_opened,
        ConsentChanged: service.consent_changed,
        DelegationEnded: service.person_changed,
        DelegationStarted: service.person_changed,
        ExtraScopeEnded: service.person_changed,
        ExtraScopeGranted: service.person_changed,
        MessageAsked: service.message_asked,
        PatientsMerged: service.records_linked,
        PatientsUnmerged: service.records_linked,
        PostAssigned: service.person_changed,
        PostEnded: service.person_changed,
        SecondmentEnded: service.person_changed,
        SecondmentStarted: service.person_changed,
        StaffChanged: service.person_changed,
        StaffFrozen: service.shut_out,
        StaffJoined: service.person_changed,
        StaffLeft: service.shut_out,
        StaffUnfrozen: service.person_changed,
        TemplateChanged: service.template_changed,
    },
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=3, concurrency=5),
    trust=Trust(secrets=("his-directory", "his-wechat-login", "his-sms", "his-columns"), outside=True),
)
